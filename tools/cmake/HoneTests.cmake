# HoneTests: tests/<ring>/test_*.c, each a cmocka program linked with the whole library. tests/support holds
# what they share. A ring is a ctest label.
find_package(PkgConfig REQUIRED)
# How many times longer than a plain one a build may take: code that counts or watches itself is slow.
set(hone_test_patience 1)
if(HONE_COVERAGE)
  set(hone_test_patience 6)
elseif(HONE_SANITIZE)
  set(hone_test_patience 3)
endif()
math(EXPR hone_test_seconds "1200 * ${hone_test_patience}")
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

file(GLOB hone_test_support CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/support/*.c)
add_library(hone_test_support STATIC ${hone_test_support} ${CMAKE_SOURCE_DIR}/tests/support/support.h)
set_target_properties(hone_test_support PROPERTIES LINKER_LANGUAGE C)
target_include_directories(hone_test_support PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests
  ${CMAKE_BINARY_DIR}/generated)
target_link_libraries(hone_test_support PUBLIC hone hone_options PkgConfig::CMOCKA PkgConfig::JANSSON)
target_compile_definitions(hone_test_support PUBLIC HONE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
  HONE_BINARY_DIR="${CMAKE_BINARY_DIR}" HONE_TEST_PATIENCE=${hone_test_patience})

# A deployed program: linked with the runtime alone, so that infer/ cannot come to need train/, data/ or eval/.
add_executable(runtime_classify ${CMAKE_SOURCE_DIR}/tests/runtime/classify.c)
target_link_libraries(runtime_classify PRIVATE hone_runtime hone_options)
set_target_properties(runtime_classify PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

# The example: a program that sees include/hone only.
add_executable(finetune ${CMAKE_SOURCE_DIR}/tests/example/finetune.c)
target_link_libraries(finetune PRIVATE hone hone_options)
set_target_properties(finetune PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

# The command with one kernel that computes wrongly, for tests/cli/test_doctor.c.
set(HONE_PLANTED_KERNEL norm_apply_bwd_vec4 CACHE STRING "The kernel that is wrong in tests/hone_planted")
if(cli_sources)
  set(planted_table ${CMAKE_BINARY_DIR}/generated/planted/table.c)
  hone_planted_table(${HONE_PLANTED_KERNEL} ${planted_table})
  hone_folder_sources(kernels planted_sources)
  set(planted_objects)
  foreach(line IN LISTS hone_layers)
    string(REGEX REPLACE ":.*" "" folder ${line})
    if(TARGET hone_${folder} AND NOT folder STREQUAL "kernels")
      list(APPEND planted_objects $<TARGET_OBJECTS:hone_${folder}>)
    endif()
  endforeach()
  add_executable(hone_planted ${cli_sources} ${planted_sources} ${planted_table} ${planted_objects})
  target_include_directories(hone_planted PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(hone_planted PRIVATE hone_options hone_coverage)
  get_target_property(planted_libraries hone LINK_LIBRARIES)
  target_link_libraries(hone_planted PRIVATE ${planted_libraries})
  set_target_properties(hone_planted PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()

foreach(ring unit ops gpu e2e golden cli)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${ring}/test_*.c)
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "^test_" "${ring}_" name ${name})
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE hone_test_support)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    if(TARGET hone_command)
      add_dependencies(${name} hone_command)
    endif()
    if(ring STREQUAL "cli" AND TARGET hone_planted)
      add_dependencies(${name} hone_planted)
    endif()
    if(ring STREQUAL "e2e")
      add_dependencies(${name} runtime_classify finetune)
    endif()
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    # What was tuned on this machine must not choose the kernels that are tested.
    # Nor is each run to begin with a check of kernels: ops_device makes it, and those that test checks ask for it.
    set_tests_properties(${name} PROPERTIES LABELS ${ring} TIMEOUT ${hone_test_seconds} SKIP_RETURN_CODE 77
      ENVIRONMENT "HONE_TUNING=off;HONE_CHECK=off")
  endforeach()
endforeach()

find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  add_test(NAME cli_get_backbone COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/cli/get_backbone.py)
  set_tests_properties(cli_get_backbone PROPERTIES LABELS cli TIMEOUT 120)
endif()

# One net of tools/golden/make_model.py against PyTorch: tools/models runs it for each family.
add_executable(golden_model ${CMAKE_SOURCE_DIR}/tests/golden/model.c)
target_link_libraries(golden_model PRIVATE hone_test_support)
set_target_properties(golden_model PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

# What vendors' compilers make of the kernels: one program, run once for each driver that tools/drivers opens without its
# hardware, and skipped where that is not set up.
add_executable(rack_compile ${CMAKE_SOURCE_DIR}/tests/rack/test_compile.c)
target_link_libraries(rack_compile PRIVATE hone_test_support)
set_target_properties(rack_compile PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
foreach(driver amd-vega20 amd-raven amd-navi21 amd-navi31 amd-gfx1201 nv-turing nv-ampere intel-skl intel-tgl intel-dg2
    intel-mtl intel-lnl intel-bmg)
  add_test(NAME rack_${driver} COMMAND ${CMAKE_SOURCE_DIR}/tools/drivers try ${driver} $<TARGET_FILE:rack_compile>
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(rack_${driver} PROPERTIES LABELS rack TIMEOUT 1200 SKIP_RETURN_CODE 77)
endforeach()

# Every header, public or not, compiles alone and first: what it needs, it includes.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include/hone/*.h
  ${CMAKE_SOURCE_DIR}/src/*.h)
set(header_sources)
foreach(header IN LISTS headers)
  string(REGEX REPLACE "^(include|src)/" "" inside ${header})
  if(inside MATCHES "^gpu/(vk|internal|snapshot|coopmat)" OR inside MATCHES "^formats/onnx")
    continue() # Vulkan's and the generated headers are on the path of their own folder only
  endif()
  string(MAKE_C_IDENTIFIER ${inside} stem)
  set(source ${CMAKE_BINARY_DIR}/generated/headers/${stem}.c)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${inside}\"\n#include \"${inside}\"\ntypedef int ${stem}_alone;\n")
  list(APPEND header_sources ${source})
endforeach()
add_library(hone_headers_alone OBJECT ${header_sources})
target_include_directories(hone_headers_alone PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
target_link_libraries(hone_headers_alone PRIVATE hone_options)
