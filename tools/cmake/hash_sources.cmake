# hash_sources: writes the C file that holds one hash of many sources. -DLIST (file of names) -DOUT (C file)
file(STRINGS ${LIST} files)
set(all "")
foreach(file IN LISTS files)
  file(SHA256 ${file} hash)
  string(APPEND all "${hash}\n")
endforeach()
string(SHA256 hash "${all}")
file(WRITE ${OUT} "// Generated from the sources that decide what is launched. Do not edit.
#include \"check/certificate.h\"

const char hone_source_hash[] = \"${hash}\";
")
