# HoneFuzz: tests/fuzz/fuzz_*.c, each a libFuzzer program under ASan and UBSan, for parsers of what users hand
# in. Needs clang: cmake -B build-fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DHONE_FUZZ=ON, then
# build-fuzz/fuzz/fuzz_list -max_total_time=180. Included before any target, so that all code is
# instrumented.
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "HONE_FUZZ needs clang: add -DCMAKE_C_COMPILER=clang")
endif()
set(hone_fuzz_checks -fsanitize=address,undefined -fno-sanitize-recover=undefined)
add_compile_options(-fsanitize=fuzzer-no-link ${hone_fuzz_checks} -fno-omit-frame-pointer -g)
add_link_options(${hone_fuzz_checks})
# stb_image adds 0 to NULL and copies 0 bytes to it at an empty IDAT chunk.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/image/codec_stb.c PROPERTIES COMPILE_OPTIONS
  -fno-sanitize=pointer-overflow,nonnull-attribute)

function(hone_add_fuzzers)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
    target_link_libraries(${name} PRIVATE hone hone_options)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  endforeach()
endfunction()
