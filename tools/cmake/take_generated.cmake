# take_generated: copies a generated module into the build, unless its sources have changed since it was made.
# -DROOT (of the project) -DNAME -DSOURCE (below shaders/) -DDEFINES -DTARGET -DOUT (the copy)
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/spirv_hash.cmake)
hone_shader_hash(${ROOT} ${SOURCE} "${DEFINES}" ${TARGET} now)
hone_recorded_hash(${ROOT} ${NAME} recorded)
if(NOT now STREQUAL recorded OR NOT EXISTS ${ROOT}/shaders/generated/${NAME}.spv)
  message(FATAL_ERROR "shaders/generated/${NAME}.spv is not made from the present shaders/${SOURCE} and what it includes. "
    "Run: GLSLANG=/path/to/glslangValidator tools/regenerate-spirv (glslang 15.3 or later)")
endif()
configure_file(${ROOT}/shaders/generated/${NAME}.spv ${OUT} COPYONLY)
file(TOUCH ${OUT})
