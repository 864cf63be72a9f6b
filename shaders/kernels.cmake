# kernels.cmake: every SPIR-V variant that hone ships, one call each, by family. See tools/cmake/HoneShaders.cmake
# for the form. Bindings are storage buffers in the order inputs, outputs, scratch.

# Copies and fills
hone_kernel(fill_f32 copy/fill.comp BINDINGS 1 PUSH 8 SPEC 1)
