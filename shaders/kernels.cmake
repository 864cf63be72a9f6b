# kernels.cmake: every SPIR-V variant that hone ships, one call each, by family. See tools/cmake/HoneShaders.cmake
# for the form. Bindings are storage buffers in the order inputs, outputs, scratch.

# Copies and fills
hone_kernel(fill_f32 copy/fill.comp BINDINGS 1 PUSH 8 SPEC 1)

# Convolution and matrix product (as a 1x1 convolution)
hone_kernel(conv_plain_fprop conv/plain_fprop.comp BINDINGS 4 PUSH 80 SPEC 3)
hone_kernel(conv_plain_dgrad conv/plain_dgrad.comp BINDINGS 4 PUSH 80 SPEC 3)
hone_kernel(conv_plain_wgrad conv/plain_wgrad.comp BINDINGS 3 PUSH 80 SPEC 1)
hone_kernel(conv_wgrad_sum conv/wgrad_sum.comp BINDINGS 2 PUSH 8 SPEC 1)
hone_kernel(conv_flip conv/flip.comp BINDINGS 2 PUSH 80 SPEC 1)
hone_kernel(conv_cpu_fprop conv/cpu_conv.comp BINDINGS 4 PUSH 80 SPEC 9
  NEEDS cpu subgroup_basic subgroup_ballot subgroup_shuffle)
hone_kernel(conv_cpu_dgrad conv/cpu_conv.comp BINDINGS 4 PUSH 80 SPEC 9 DEFINES DGRAD=1
  NEEDS cpu subgroup_basic subgroup_ballot subgroup_shuffle)
hone_kernel(conv_cpu_wgrad conv/cpu_wgrad.comp BINDINGS 3 PUSH 80 SPEC 6
  NEEDS cpu subgroup_basic subgroup_ballot subgroup_shuffle)
