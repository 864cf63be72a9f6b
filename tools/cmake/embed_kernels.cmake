# embed_kernels: writes the generated C table. -DROWS (lines of name,bindings,specs,push,needs)
# -DSPIRV (folder of modules) -DOUT (C file). -DPLANT=name makes that kernel wrong: each float addition in
# it becomes a subtraction. Tests show with such a table that the fault is found.
file(STRINGS ${ROWS} rows)
set(code "// Generated from shaders/kernels.cmake. Do not edit.\n#include \"base/caps.h\"\n#include \"kernels/kernels.h\"\n\n")
set(table "")
foreach(row IN LISTS rows)
  string(REPLACE "," ";" fields "${row}")
  list(POP_FRONT fields name bindings specs push needs)
  file(READ ${SPIRV}/${name}.spv hex HEX)
  # Little-endian words, sixteen to a line.
  string(REGEX REPLACE "(..)(..)(..)(..)" "0x\\4\\3\\2\\1," words "${hex}")
  if(name STREQUAL "${PLANT}")
    # OpFAdd and OpFSub, five words each
    string(REPLACE "0x00050081," "0x00050083," planted "${words}")
    if(planted STREQUAL words)
      message(FATAL_ERROR "kernel ${name} adds no floats: plant another one")
    endif()
    set(words "${planted}")
  endif()
  string(APPEND code "static const uint32_t code_${name}[] = {${words}};\n")
  string(APPEND table "    {\"${name}\", code_${name}, sizeof code_${name}, ${bindings}, ${specs}, ${push}, ${needs}},\n")
endforeach()
string(APPEND code "\nconst struct hone_kernel hone_kernels[] = {\n${table}};\n"
  "const size_t hone_kernel_count = sizeof hone_kernels / sizeof *hone_kernels;\n")
file(WRITE ${OUT} "${code}")
