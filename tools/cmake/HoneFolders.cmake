# HoneFolders: one object library per line of src/LAYERS, so that a folder sees the outside libraries of its
# own only, and two archives: hone (everything) and hone_runtime (what a deployed program links: infer/
# and what stands below it).
file(STRINGS ${CMAKE_SOURCE_DIR}/src/LAYERS hone_layers REGEX "^[a-z]+:")

function(hone_folder_sources folder out)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.c
    ${CMAKE_SOURCE_DIR}/src/${folder}/*/*.c)
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# Folders that `folder` reaches through src/LAYERS, itself included.
function(hone_folder_closure folder out)
  set(reached ${folder})
  set(queue ${folder})
  while(queue)
    list(POP_FRONT queue next)
    foreach(line IN LISTS hone_layers)
      if(line MATCHES "^${next}: *(.*)$")
        string(REPLACE " " ";" below "${CMAKE_MATCH_1}")
        foreach(name IN LISTS below)
          if(name AND NOT name IN_LIST reached)
            list(APPEND reached ${name})
            list(APPEND queue ${name})
          endif()
        endforeach()
      endif()
    endforeach()
  endwhile()
  set(${out} ${reached} PARENT_SCOPE)
endfunction()

macro(hone_add_folders)
  add_library(hone STATIC)
  add_library(hone_runtime STATIC EXCLUDE_FROM_ALL)
  hone_folder_closure(infer runtime_folders)
  foreach(line IN LISTS hone_layers)
    string(REGEX REPLACE ":.*" "" folder ${line})
    hone_folder_sources(${folder} sources)
    if(folder STREQUAL "kernels")
      list(APPEND sources ${HONE_KERNEL_TABLE})
    elseif(folder STREQUAL "exec")
      list(APPEND sources ${HONE_TUNING_TABLE})
    elseif(folder STREQUAL "check")
      list(APPEND sources ${HONE_SOURCE_HASH})
    elseif(folder STREQUAL "formats")
      list(APPEND sources ${HONE_PROTO_SOURCES})
    endif()
    if(sources AND NOT folder STREQUAL "cli")
      add_library(hone_${folder} OBJECT ${sources})
      target_include_directories(hone_${folder} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
      target_link_libraries(hone_${folder} PRIVATE hone_options hone_coverage ${hone_deps_${folder}})
      if(folder STREQUAL "gpu")
        target_include_directories(hone_gpu SYSTEM PRIVATE ${HONE_VULKAN_INCLUDE} ${HONE_VOLK_INCLUDE})
      elseif(folder STREQUAL "image")
        target_include_directories(hone_image SYSTEM PRIVATE ${HONE_STB_INCLUDE})
        if(HONE_LIBJPEG AND TURBOJPEG_FOUND)
          target_compile_definitions(hone_image PRIVATE HONE_HAVE_LIBJPEG)
        endif()
      endif()
      if(folder STREQUAL "report")
        target_include_directories(hone_report SYSTEM PRIVATE ${HONE_STB_INCLUDE})
      endif()
      target_sources(hone PRIVATE $<TARGET_OBJECTS:hone_${folder}>)
      target_link_libraries(hone PUBLIC ${hone_deps_${folder}})
      if(folder IN_LIST runtime_folders)
        target_sources(hone_runtime PRIVATE $<TARGET_OBJECTS:hone_${folder}>)
        target_link_libraries(hone_runtime PUBLIC ${hone_deps_${folder}})
      endif()
    endif()
  endforeach()
  target_include_directories(hone PUBLIC ${CMAKE_SOURCE_DIR}/include)
  target_include_directories(hone_runtime PUBLIC ${CMAKE_SOURCE_DIR}/include)
endmacro()

# The families of src/model/zoo: each .def beside its builder.
file(GLOB hone_families CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/model/zoo/*.def)
set(hone_macros "FAMILY(family)" "NET(name, parameters, gmacs, family, variant, size, preprocess, dialect)"
  "ALIAS(name, net)" "DIALECT(family, dialect, prefix, key)" "RULE(dialect, ours, theirs)")
set(text "")
foreach(macro IN LISTS hone_macros)
  string(REGEX REPLACE "\\(.*" "" name ${macro})
  string(APPEND text "#ifndef HONE_ZOO_${name}\n#define HONE_ZOO_${macro}\n#endif\n")
endforeach()
foreach(family IN LISTS hone_families)
  get_filename_component(name ${family} NAME)
  string(APPEND text "#include \"model/zoo/${name}\"\n")
endforeach()
foreach(macro IN LISTS hone_macros)
  string(REGEX REPLACE "\\(.*" "" name ${macro})
  string(APPEND text "#undef HONE_ZOO_${name}\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/model/zoo/families.def CONTENT "${text}" @ONLY)

# Containers described by .proto files of ours.
file(GLOB hone_protos CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/formats/*.proto)
set(HONE_PROTO_SOURCES)
foreach(proto IN LISTS hone_protos)
  get_filename_component(stem ${proto} NAME_WE)
  set(generated ${CMAKE_BINARY_DIR}/generated/formats/${stem}.pb-c)
  add_custom_command(OUTPUT ${generated}.c ${generated}.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated/formats
    COMMAND ${HONE_PROTOC_C} --proto_path=${CMAKE_SOURCE_DIR}/src/formats
      --c_out=${CMAKE_BINARY_DIR}/generated/formats ${proto}
    DEPENDS ${proto} COMMENT "protoc-c ${stem}.proto")
  set_source_files_properties(${generated}.c PROPERTIES COMPILE_OPTIONS "-w")
  list(APPEND HONE_PROTO_SOURCES ${generated}.c)
endforeach()

# Tuning records that hone ships.
file(GLOB hone_tunes CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/assets/tuning/*.tune)
set(HONE_TUNING_TABLE ${CMAKE_BINARY_DIR}/generated/exec/tuning_shipped.c)
string(REPLACE ";" "\\;" hone_tunes_list "${hone_tunes}")
add_custom_command(OUTPUT ${HONE_TUNING_TABLE}
  COMMAND ${CMAKE_COMMAND} "-DFILES=${hone_tunes_list}" -DOUT=${HONE_TUNING_TABLE}
    -P ${CMAKE_SOURCE_DIR}/tools/cmake/embed_tuning.cmake
  DEPENDS ${hone_tunes} ${CMAKE_SOURCE_DIR}/tools/cmake/embed_tuning.cmake
  COMMENT "tuning records" VERBATIM)

# What certificates hold for: the code that chooses and launches kernels (the shaders count at run time).
file(GLOB hone_hashed CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/ir/*.[ch] ${CMAKE_SOURCE_DIR}/src/ops/*.[ch]
  ${CMAKE_SOURCE_DIR}/src/exec/*.[ch] ${CMAKE_SOURCE_DIR}/src/gpu/*.[ch] ${CMAKE_SOURCE_DIR}/src/check/*.[ch])
set(HONE_SOURCE_HASH ${CMAKE_BINARY_DIR}/generated/check/source_hash.c)
string(REPLACE ";" "\n" hone_hashed_list "${hone_hashed}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/check/sources.txt CONTENT "${hone_hashed_list}\n" @ONLY)
add_custom_command(OUTPUT ${HONE_SOURCE_HASH}
  COMMAND ${CMAKE_COMMAND} -DLIST=${CMAKE_BINARY_DIR}/generated/check/sources.txt -DOUT=${HONE_SOURCE_HASH}
    -P ${CMAKE_SOURCE_DIR}/tools/cmake/hash_sources.cmake
  DEPENDS ${hone_hashed} ${CMAKE_SOURCE_DIR}/tools/cmake/hash_sources.cmake
  COMMENT "hash of the sources" VERBATIM)
