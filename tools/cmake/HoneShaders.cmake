# HoneShaders: shaders/kernels.cmake (the table) to SPIR-V modules, each checked by spirv-val, to one
# generated C file that holds the table of src/kernels/kernels.h.
set(HONE_SPIRV_DIR ${CMAKE_BINARY_DIR}/spirv)
set(HONE_KERNEL_TABLE ${CMAKE_BINARY_DIR}/generated/kernels/table.c)
file(GLOB HONE_SHADER_LIB CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shaders/lib/*.glsl)
include(${CMAKE_CURRENT_LIST_DIR}/spirv_hash.cmake)
set(hone_kernel_rows "")
set(hone_kernel_modules "")

# Whether spirv-val knows what generated modules use is a question of its version.
execute_process(COMMAND ${HONE_SPIRV_VAL} --version OUTPUT_VARIABLE hone_spirv_val_text)
string(REGEX MATCH "SPIRV-Tools v([0-9.]+)" hone_spirv_val_text "${hone_spirv_val_text}")
set(HONE_SPIRV_VAL_VERSION ${CMAKE_MATCH_1})

# One variant: hone_kernel(NAME source BINDINGS n PUSH bytes SPEC n [DEFINES A=1 ...] [NEEDS feature ...]
#   [GENERATED glslang spirv-tools [target]])
# NAME is what C asks for; source lies below shaders/; features are those of enum hone_feature,
# lower case without the prefix (subgroup_basic, subgroup_ballot, buffer_address, cpu, ...).
# GENERATED: the module lies in shaders/generated, made by tools/regenerate-spirv, since it needs these versions of the
# compiler and of spirv-val, for that target (vulkan1.3) if not for vulkan1.2; the build checks that it belongs to
# the present sources.
function(hone_kernel name source)
  cmake_parse_arguments(K "" "BINDINGS;PUSH;SPEC" "DEFINES;NEEDS;GENERATED" ${ARGN})
  if(K_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "kernel ${name}: unknown words ${K_UNPARSED_ARGUMENTS}")
  endif()
  set(defines)
  foreach(define IN LISTS K_DEFINES)
    list(APPEND defines -D${define})
  endforeach()
  set(module ${HONE_SPIRV_DIR}/${name}.spv)
  set(validate ${HONE_SPIRV_VAL} --target-env vulkan1.2 --scalar-block-layout ${module})
  if(K_GENERATED)
    hone_spirv_target("${K_GENERATED}" target)
    set(validate ${HONE_SPIRV_VAL} --target-env ${target} --scalar-block-layout ${module})
    list(GET K_GENERATED 1 needs_validator)
    if(HONE_SPIRV_VAL_VERSION VERSION_LESS needs_validator)
      set(validate ${CMAKE_COMMAND} -E true)
    endif()
    add_custom_command(OUTPUT ${module}
      COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR} -DNAME=${name} -DSOURCE=${source} "-DDEFINES=${K_DEFINES}" -DTARGET=${target}
        -DOUT=${module} -P ${CMAKE_SOURCE_DIR}/tools/cmake/take_generated.cmake
      COMMAND ${validate}
      DEPENDS ${CMAKE_SOURCE_DIR}/shaders/${source} ${HONE_SHADER_LIB} ${CMAKE_SOURCE_DIR}/shaders/generated/hashes.txt
        ${CMAKE_SOURCE_DIR}/tools/cmake/take_generated.cmake ${CMAKE_SOURCE_DIR}/tools/cmake/spirv_hash.cmake
      COMMENT "generated shader ${name}" VERBATIM)
  else()
    add_custom_command(OUTPUT ${module}
      COMMAND ${HONE_GLSLANG} --quiet -V --target-env vulkan1.2 -I${CMAKE_SOURCE_DIR}/shaders/lib ${defines}
        -o ${module} ${CMAKE_SOURCE_DIR}/shaders/${source}
      COMMAND ${validate}
      DEPENDS ${CMAKE_SOURCE_DIR}/shaders/${source} ${HONE_SHADER_LIB}
      COMMENT "shader ${name}" VERBATIM)
  endif()
  set(needs 0)
  foreach(feature IN LISTS K_NEEDS)
    string(TOUPPER ${feature} feature)
    string(APPEND needs " | HONE_FEATURE_${feature}")
  endforeach()
  set(row "${name},${K_BINDINGS},${K_SPEC},${K_PUSH},${needs}")
  set(hone_kernel_rows "${hone_kernel_rows};${row}" PARENT_SCOPE)
  set(hone_kernel_modules "${hone_kernel_modules};${module}" PARENT_SCOPE)
endfunction()

macro(add_subdirectory_shaders)
  file(MAKE_DIRECTORY ${HONE_SPIRV_DIR})
  include(${CMAKE_SOURCE_DIR}/shaders/kernels.cmake)
  list(FILTER hone_kernel_rows EXCLUDE REGEX "^$")
  list(FILTER hone_kernel_modules EXCLUDE REGEX "^$")
  list(JOIN hone_kernel_rows "\n" hone_rows_text)
  file(CONFIGURE OUTPUT ${HONE_SPIRV_DIR}/rows.txt CONTENT "${hone_rows_text}\n" @ONLY)
  add_custom_command(OUTPUT ${HONE_KERNEL_TABLE}
    COMMAND ${CMAKE_COMMAND} -DROWS=${HONE_SPIRV_DIR}/rows.txt -DSPIRV=${HONE_SPIRV_DIR}
      -DOUT=${HONE_KERNEL_TABLE} -P ${CMAKE_SOURCE_DIR}/tools/cmake/embed_kernels.cmake
    DEPENDS ${hone_kernel_modules} ${HONE_SPIRV_DIR}/rows.txt
      ${CMAKE_SOURCE_DIR}/tools/cmake/embed_kernels.cmake
    COMMENT "kernel table" VERBATIM)
endmacro()

# The table again, with one kernel that is wrong.
function(hone_planted_table kernel out)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DROWS=${HONE_SPIRV_DIR}/rows.txt -DSPIRV=${HONE_SPIRV_DIR} -DPLANT=${kernel}
      -DOUT=${out} -P ${CMAKE_SOURCE_DIR}/tools/cmake/embed_kernels.cmake
    DEPENDS ${HONE_KERNEL_TABLE} ${CMAKE_SOURCE_DIR}/tools/cmake/embed_kernels.cmake
    COMMENT "kernel table with a wrong ${kernel}" VERBATIM)
endfunction()
