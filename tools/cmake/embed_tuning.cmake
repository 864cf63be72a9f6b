# embed_tuning: writes the shipped tuning records as a C array. -DFILES (list of *.tune) -DOUT (C file).
set(bytes "")
foreach(file IN LISTS FILES)
  file(READ ${file} hex HEX)
  string(APPEND bytes "${hex}0a")
endforeach()
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "// Generated from assets/tuning. Do not edit.\n#include \"exec/tuning_file.h\"\n\n"
  "const char hone_tuning_shipped[] = {\n${bytes}0};\n")
