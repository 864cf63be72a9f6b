// alias.glsl: ALIASED marks a buffer that another binding of the same shader may share, because an operator works in
// place. SPIR-V lets a compiler assume that buffers do not overlap (section 2.18.2) unless both carry the decoration
// Aliased (20), which glslang writes for no qualifier of GLSL. Mark the input that may be overwritten and the output.
#ifndef HONE_ALIAS_GLSL
#define HONE_ALIAS_GLSL
#extension GL_EXT_spirv_intrinsics : require
#define ALIASED spirv_decorate(20)
#endif
