# kernels.cmake: every SPIR-V variant that hone ships, one call each, by family. See tools/cmake/HoneShaders.cmake
# for the form. Bindings are storage buffers in the order inputs, outputs, scratch.

# Copies and fills
hone_kernel(fill_f32 copy/fill.comp BINDINGS 1 PUSH 8 SPEC 1)

# Casts between the element types (0 f32, 1 f16, 2 bf16: shaders/lib/elem.glsl)
foreach(pair "f32;0;f16;1" "f32;0;bf16;2" "f16;1;f32;0" "bf16;2;f32;0" "f16;1;bf16;2" "bf16;2;f16;1")
  list(GET pair 0 from)
  list(GET pair 1 elem)
  list(GET pair 2 to)
  list(GET pair 3 out)
  hone_kernel(cast_${from}_${to} cast/cast.comp BINDINGS 2 PUSH 4 SPEC 1 DEFINES ELEM=${elem} OUT=${out})
  hone_kernel(cast_${from}_${to}_vec4 cast/cast.comp BINDINGS 2 PUSH 4 SPEC 1 DEFINES ELEM=${elem} OUT=${out} VEC=1)
endforeach()

# Convolution and matrix product (as a 1x1 convolution)
hone_kernel(conv_plain_fprop conv/plain_fprop.comp BINDINGS 5 PUSH 80 SPEC 4)
hone_kernel(conv_plain_dgrad conv/plain_dgrad.comp BINDINGS 5 PUSH 80 SPEC 4)
hone_kernel(conv_plain_wgrad conv/plain_wgrad.comp BINDINGS 3 PUSH 80 SPEC 1)
hone_kernel(conv_wgrad_sum conv/wgrad_sum.comp BINDINGS 2 PUSH 8 SPEC 1)
hone_kernel(conv_flip conv/flip.comp BINDINGS 2 PUSH 80 SPEC 1)
hone_kernel(conv_tiled_fprop conv/tiled.comp BINDINGS 5 PUSH 80 SPEC 14)
hone_kernel(conv_tiled_fprop_stats conv/tiled.comp BINDINGS 6 PUSH 80 SPEC 14 DEFINES STATS=1)
hone_kernel(conv_tiled_dgrad conv/tiled.comp BINDINGS 5 PUSH 80 SPEC 14 DEFINES DGRAD=1)
hone_kernel(conv_tiled_wgrad conv/tiled_wgrad.comp BINDINGS 3 PUSH 80 SPEC 10)
# Groups one after the other: products of a batch of matrices
hone_kernel(conv_plain_fprop_batch conv/plain_fprop.comp BINDINGS 5 PUSH 80 SPEC 4 DEFINES BATCH=1)
hone_kernel(conv_tiled_fprop_batch conv/tiled.comp BINDINGS 5 PUSH 80 SPEC 14 DEFINES BATCH=1)
hone_kernel(conv_split_sum conv/split_sum.comp BINDINGS 4 PUSH 20 SPEC 4)
foreach(pair "f16;1" "bf16;2")
  list(GET pair 0 type)
  list(GET pair 1 elem)
  foreach(form "fprop;" "dgrad;DGRAD=1")
    list(GET form 0 way)
    list(GET form 1 define)
    hone_kernel(conv_tiled_${way}_${type} conv/tiled.comp BINDINGS 5 PUSH 80 SPEC 14 DEFINES ELEM=${elem} ${define})
    hone_kernel(conv_tiled_${way}_${type}_f32 conv/tiled.comp BINDINGS 5 PUSH 80 SPEC 14
      DEFINES ELEM=${elem} OUT=0 ${define})
  endforeach()
  hone_kernel(conv_tiled_fprop_stats_${type} conv/tiled.comp BINDINGS 6 PUSH 80 SPEC 14 DEFINES ELEM=${elem} STATS=1)
  hone_kernel(conv_tiled_wgrad_${type}_f32 conv/tiled_wgrad.comp BINDINGS 3 PUSH 80 SPEC 10 DEFINES ELEM=${elem})
  hone_kernel(conv_split_sum_${type} conv/split_sum.comp BINDINGS 4 PUSH 20 SPEC 4 DEFINES ELEM=0 OUT=${elem})
  hone_kernel(conv_plain_fprop_${type} conv/plain_fprop.comp BINDINGS 5 PUSH 80 SPEC 4 DEFINES ELEM=${elem})
  hone_kernel(conv_plain_fprop_${type}_f32 conv/plain_fprop.comp BINDINGS 5 PUSH 80 SPEC 4 DEFINES ELEM=${elem} OUT=0)
  hone_kernel(conv_plain_dgrad_${type} conv/plain_dgrad.comp BINDINGS 5 PUSH 80 SPEC 4 DEFINES ELEM=${elem})
  hone_kernel(conv_plain_dgrad_${type}_f32 conv/plain_dgrad.comp BINDINGS 5 PUSH 80 SPEC 4 DEFINES ELEM=${elem} OUT=0)
  hone_kernel(conv_plain_wgrad_${type}_f32 conv/plain_wgrad.comp BINDINGS 3 PUSH 80 SPEC 1 DEFINES ELEM=${elem})
  hone_kernel(conv_wgrad_sum_${type} conv/wgrad_sum.comp BINDINGS 2 PUSH 8 SPEC 1 DEFINES ELEM=0 OUT=${elem})
  hone_kernel(conv_flip_${type} conv/flip.comp BINDINGS 2 PUSH 80 SPEC 1 DEFINES ELEM=${elem})
endforeach()
# On cooperative matrices (generated), and the same code with loops in their place, which tests choose
foreach(type f16 bf16)
  set(elem 1)
  set(needs cooperative_matrix f16 subgroup_basic)
  set(needs2 cooperative_matrix cooperative_matrix2 storage_16bit f16)
  set(made 15.0 2023.4)
  set(made2 15.1 2024.4 vulkan1.3)
  if(type STREQUAL bf16)
    set(elem 2)
    set(needs cooperative_matrix bf16_matrix subgroup_basic)
    set(needs2 cooperative_matrix cooperative_matrix2 storage_16bit f16 bf16_matrix)
    set(made 15.3 2025.2)
    set(made2 15.3 2025.2 vulkan1.3)
  endif()
  hone_kernel(conv_coop_fprop_${type} conv/coop.comp BINDINGS 5 PUSH 80 SPEC 16
    DEFINES COOP=1 ELEM=${elem} NEEDS ${needs} GENERATED ${made})
  hone_kernel(conv_coop_dgrad_${type} conv/coop.comp BINDINGS 5 PUSH 80 SPEC 16
    DEFINES COOP=1 ELEM=${elem} DGRAD=1 NEEDS ${needs} GENERATED ${made})
  hone_kernel(conv_coop_wgrad_${type} conv/coop_wgrad.comp BINDINGS 3 PUSH 80 SPEC 12
    DEFINES COOP=1 ELEM=${elem} NEEDS ${needs} GENERATED ${made})
  # The same on matrices of a whole workgroup
  foreach(way "fprop;" "dgrad;DGRAD=1")
    list(GET way 0 form)
    list(GET way 1 define)
    hone_kernel(conv_coop2_${form}_${type} conv/coop2.comp BINDINGS 5 PUSH 80 SPEC 12
      DEFINES COOP=2 ELEM=${elem} ${define} NEEDS ${needs2} GENERATED ${made2})
    hone_kernel(conv_coop2_emulated_${form}_${type} conv/coop2.comp BINDINGS 5 PUSH 80 SPEC 12
      DEFINES COOP=0 ELEM=${elem} ${define})
  endforeach()
  hone_kernel(conv_coop2_wgrad_${type} conv/coop2_wgrad.comp BINDINGS 3 PUSH 80 SPEC 8
    DEFINES COOP=2 ELEM=${elem} NEEDS ${needs2} GENERATED ${made2})
  hone_kernel(conv_coop2_emulated_wgrad_${type} conv/coop2_wgrad.comp BINDINGS 3 PUSH 80 SPEC 8
    DEFINES COOP=0 ELEM=${elem})
  hone_kernel(conv_coop_emulated_fprop_${type} conv/coop.comp BINDINGS 5 PUSH 80 SPEC 16 DEFINES COOP=0 ELEM=${elem})
  hone_kernel(conv_coop_emulated_dgrad_${type} conv/coop.comp BINDINGS 5 PUSH 80 SPEC 16
    DEFINES COOP=0 ELEM=${elem} DGRAD=1)
  hone_kernel(conv_coop_emulated_wgrad_${type} conv/coop_wgrad.comp BINDINGS 3 PUSH 80 SPEC 12
    DEFINES COOP=0 ELEM=${elem})
endforeach()
set(conv_cpu cpu subgroup_basic subgroup_ballot subgroup_shuffle)
hone_kernel(conv_cpu_fprop conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 NEEDS ${conv_cpu})
hone_kernel(conv_cpu_fprop_any conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES ANY=1 NEEDS ${conv_cpu})
hone_kernel(conv_cpu_fprop_wide conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES WIDE=1 NEEDS ${conv_cpu} int64)
foreach(variant ";" "_any;ANY=1")
  list(GET variant 0 suffix)
  list(GET variant 1 define)
  hone_kernel(conv_cpu_fprop${suffix}_batch conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES BATCH=1 ${define}
    NEEDS ${conv_cpu})
endforeach()
hone_kernel(conv_cpu_fprop_wide_batch conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES BATCH=1 WIDE=1
  NEEDS ${conv_cpu} int64)
hone_kernel(conv_cpu_fprop_any_stats conv/cpu_conv.comp BINDINGS 6 PUSH 80 SPEC 10 DEFINES ANY=1 STATS=1
  NEEDS ${conv_cpu})
hone_kernel(conv_cpu_dgrad conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES DGRAD=1 NEEDS ${conv_cpu})
hone_kernel(conv_cpu_dgrad_any conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES DGRAD=1 ANY=1 NEEDS ${conv_cpu})
hone_kernel(conv_cpu_dgrad_wide conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES DGRAD=1 WIDE=1
  NEEDS ${conv_cpu} int64)
hone_kernel(conv_cpu_dgrad_direct conv/cpu_conv.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES DGRAD=1 WIDE=1 DIRECT=1
  NEEDS ${conv_cpu} int64)
hone_kernel(conv_cpu_wgrad conv/cpu_wgrad.comp BINDINGS 3 PUSH 80 SPEC 7 NEEDS ${conv_cpu})
hone_kernel(conv_cpu_wgrad_any conv/cpu_wgrad.comp BINDINGS 3 PUSH 80 SPEC 7 DEFINES ANY=1 NEEDS ${conv_cpu})
hone_kernel(conv_cpu_wgrad_wide conv/cpu_wgrad.comp BINDINGS 3 PUSH 80 SPEC 7 DEFINES WIDE=1 NEEDS ${conv_cpu} int64)
hone_kernel(conv_flip_wide conv/flip_wide.comp BINDINGS 2 PUSH 80 SPEC 1 NEEDS cpu int64)
foreach(variant "1;0" "2;0" "4;0" "8;cpu;int64")
  list(POP_FRONT variant width)
  set(needs NEEDS ${variant})
  if(variant EQUAL 0)
    set(needs)
  endif()
  hone_kernel(conv_depthwise_fprop_w${width} conv/depthwise.comp BINDINGS 5 PUSH 80 SPEC 14 DEFINES WIDTH=${width}
    ${needs})
  hone_kernel(conv_depthwise_fprop_stats_w${width} conv/depthwise.comp BINDINGS 6 PUSH 80 SPEC 14
    DEFINES WIDTH=${width} STATS=1 ${needs})
  hone_kernel(conv_depthwise_dgrad_w${width} conv/depthwise.comp BINDINGS 5 PUSH 80 SPEC 14
    DEFINES WIDTH=${width} DGRAD=1 ${needs})
  hone_kernel(conv_depthwise_wgrad_w${width} conv/depthwise_wgrad.comp BINDINGS 3 PUSH 80 SPEC 9
    DEFINES WIDTH=${width} ${needs})
endforeach()
foreach(pair "f16;1" "bf16;2")
  list(GET pair 0 type)
  list(GET pair 1 elem)
  foreach(width 2 4)
    hone_kernel(conv_depthwise_fprop_w${width}_${type} conv/depthwise.comp BINDINGS 5 PUSH 80 SPEC 14
      DEFINES WIDTH=${width} ELEM=${elem})
    hone_kernel(conv_depthwise_dgrad_w${width}_${type} conv/depthwise.comp BINDINGS 5 PUSH 80 SPEC 14
      DEFINES WIDTH=${width} ELEM=${elem} DGRAD=1)
    hone_kernel(conv_depthwise_wgrad_w${width}_${type} conv/depthwise_wgrad.comp BINDINGS 3 PUSH 80 SPEC 9
      DEFINES WIDTH=${width} ELEM=${elem})
  endforeach()
endforeach()
# Few channels in, through a patch of the picture in shared memory
hone_kernel(conv_stem conv/stem.comp BINDINGS 5 PUSH 80 SPEC 16)
hone_kernel(conv_stem_stats conv/stem.comp BINDINGS 6 PUSH 80 SPEC 16 DEFINES STATS=1)
hone_kernel(conv_stem_wgrad conv/stem_wgrad.comp BINDINGS 3 PUSH 80 SPEC 13)
foreach(pair "f16;1" "bf16;2")
  list(GET pair 0 type)
  list(GET pair 1 elem)
  hone_kernel(conv_stem_${type} conv/stem.comp BINDINGS 5 PUSH 80 SPEC 16 DEFINES ELEM=${elem})
  hone_kernel(conv_stem_stats_${type} conv/stem.comp BINDINGS 6 PUSH 80 SPEC 16 DEFINES ELEM=${elem} STATS=1)
  hone_kernel(conv_stem_wgrad_${type}_f32 conv/stem_wgrad.comp BINDINGS 3 PUSH 80 SPEC 13 DEFINES ELEM=${elem})
endforeach()
# Narrow groups
foreach(variant ";;0" "_f16;_f16_f32;1" "_bf16;_bf16_f32;2")
  list(GET variant 0 suffix)
  list(GET variant 1 wide)
  list(GET variant 2 elem)
  hone_kernel(conv_grouped_fprop${suffix} conv/grouped.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES ELEM=${elem})
  hone_kernel(conv_grouped_fprop_stats${suffix} conv/grouped.comp BINDINGS 6 PUSH 80 SPEC 10
    DEFINES ELEM=${elem} STATS=1)
  hone_kernel(conv_grouped_dgrad${suffix} conv/grouped.comp BINDINGS 5 PUSH 80 SPEC 10 DEFINES ELEM=${elem} DGRAD=1)
  hone_kernel(conv_grouped_wgrad${wide} conv/grouped_wgrad.comp BINDINGS 3 PUSH 80 SPEC 5 DEFINES ELEM=${elem})
endforeach()
hone_kernel(conv_winograd_input conv/winograd_input.comp BINDINGS 2 PUSH 80 SPEC 2)
hone_kernel(conv_winograd_filter conv/winograd_filter.comp BINDINGS 2 PUSH 80 SPEC 4)
hone_kernel(conv_winograd_output conv/winograd_output.comp BINDINGS 4 PUSH 80 SPEC 4)
hone_kernel(conv_winograd_gradient conv/winograd_gradient.comp BINDINGS 2 PUSH 80 SPEC 1)
hone_kernel(conv_winograd_wgrad conv/winograd_wgrad.comp BINDINGS 2 PUSH 12 SPEC 1)
hone_kernel(conv_winograd_cpu conv/winograd_cpu.comp BINDINGS 5 PUSH 80 SPEC 7
  NEEDS cpu subgroup_basic subgroup_ballot subgroup_shuffle)

# Activations
hone_kernel(act act/act.comp BINDINGS 2 PUSH 12 SPEC 2 DEFINES T=float)
hone_kernel(act_vec4 act/act.comp BINDINGS 2 PUSH 12 SPEC 2 DEFINES T=vec4)
hone_kernel(act_bwd act/act_bwd.comp BINDINGS 3 PUSH 12 SPEC 2 DEFINES T=float)
hone_kernel(act_bwd_vec4 act/act_bwd.comp BINDINGS 3 PUSH 12 SPEC 2 DEFINES T=vec4)

# In 16 bits, four elements an invocation: activations, arithmetic, batch norm, pooling
foreach(pair "f16;1" "bf16;2")
  list(GET pair 0 type)
  list(GET pair 1 elem)
  hone_kernel(act_${type} act/act.comp BINDINGS 2 PUSH 12 SPEC 2 DEFINES T=vec4 ELEM=${elem})
  hone_kernel(act_bwd_${type} act/act_bwd.comp BINDINGS 3 PUSH 12 SPEC 2 DEFINES T=vec4 ELEM=${elem})
  hone_kernel(scale_${type} arith/scale.comp BINDINGS 2 PUSH 8 SPEC 1 DEFINES T=vec4 ELEM=${elem})
  hone_kernel(reduce_${type} arith/reduce.comp BINDINGS 2 PUSH 16 SPEC 2 DEFINES T=vec4 ELEM=${elem} OUT=0)
  hone_kernel(binary_${type} arith/binary.comp BINDINGS 3 PUSH 48 SPEC 3 DEFINES T=vec4 ELEM=${elem})
  hone_kernel(norm_stats_${type} norm/reduce.comp BINDINGS 2 PUSH 12 SPEC 4 DEFINES WIDTH=4 STATS=1 ELEM=${elem})
  hone_kernel(norm_sums_${type} norm/reduce.comp BINDINGS 9 PUSH 20 SPEC 7 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(norm_apply_${type} norm/apply.comp BINDINGS 7 PUSH 24 SPEC 6 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(norm_apply_bwd_${type} norm/apply_bwd.comp BINDINGS 10 PUSH 24 SPEC 5 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(norm_scale_bwd_${type} norm/scale_bwd.comp BINDINGS 5 PUSH 24 SPEC 4 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(pool_max_${type} pool/max.comp BINDINGS 3 PUSH 36 SPEC 5 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(pool_max_bwd_${type} pool/max_bwd.comp BINDINGS 3 PUSH 36 SPEC 5 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(pool_avg_${type} pool/avg.comp BINDINGS 2 PUSH 36 SPEC 5 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(pool_avg_bwd_${type} pool/avg_bwd.comp BINDINGS 2 PUSH 36 SPEC 5 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(resize_${type} resize/resize.comp BINDINGS 2 PUSH 44 SPEC 1 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(resize_bwd_${type} resize/resize_bwd.comp BINDINGS 2 PUSH 44 SPEC 1 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(pool_sum_${type} pool/sum.comp BINDINGS 2 PUSH 24 SPEC 2 DEFINES WIDTH=4 ELEM=${elem})
  hone_kernel(pool_sum_${type}_f32 pool/sum.comp BINDINGS 2 PUSH 24 SPEC 2 DEFINES WIDTH=4 ELEM=${elem} OUT=0)
  hone_kernel(pool_sum_f32_${type} pool/sum.comp BINDINGS 2 PUSH 24 SPEC 2 DEFINES WIDTH=4 ELEM=0 OUT=${elem})
endforeach()

# Arithmetic
hone_kernel(binary arith/binary.comp BINDINGS 3 PUSH 48 SPEC 3 DEFINES T=float)
hone_kernel(binary_vec4 arith/binary.comp BINDINGS 3 PUSH 48 SPEC 3 DEFINES T=vec4)
hone_kernel(scale_f32 arith/scale.comp BINDINGS 2 PUSH 8 SPEC 1 DEFINES T=float)
hone_kernel(scale_vec4 arith/scale.comp BINDINGS 2 PUSH 8 SPEC 1 DEFINES T=vec4)
hone_kernel(reduce_f32 arith/reduce.comp BINDINGS 2 PUSH 16 SPEC 2 DEFINES T=float)
hone_kernel(reduce_vec4 arith/reduce.comp BINDINGS 2 PUSH 16 SPEC 2 DEFINES T=vec4)

# Layout
hone_kernel(copy_u32 layout/copy.comp BINDINGS 2 PUSH 56 SPEC 2 DEFINES T=uint)
hone_kernel(copy_vec4 layout/copy.comp BINDINGS 2 PUSH 56 SPEC 2 DEFINES T=uvec4)
hone_kernel(pad_u32 layout/pad.comp BINDINGS 2 PUSH 56 SPEC 1 DEFINES T=uint)
hone_kernel(pad_vec4 layout/pad.comp BINDINGS 2 PUSH 56 SPEC 1 DEFINES T=uvec4)

# Tables
hone_kernel(gather_f32 gather/gather.comp BINDINGS 3 PUSH 8 SPEC 1 DEFINES T=float VEC=0)
hone_kernel(gather_vec4 gather/gather.comp BINDINGS 3 PUSH 8 SPEC 1 DEFINES T=vec4 VEC=1)
hone_kernel(gather_bwd_f32 gather/gather_bwd.comp BINDINGS 4 PUSH 8 SPEC 1)

# Random
hone_kernel(dropout_f32 random/dropout.comp BINDINGS 3 PUSH 20 SPEC 1 DEFINES VEC=0)
hone_kernel(dropout_vec4 random/dropout.comp BINDINGS 3 PUSH 20 SPEC 1 DEFINES VEC=1)

# Optimisers
hone_kernel(sgd_vec4 optim/sgd.comp BINDINGS 7 PUSH 8 SPEC 2)
hone_kernel(ema_vec4 optim/ema.comp BINDINGS 4 PUSH 4 SPEC 1)
hone_kernel(adamw_vec4 optim/adamw.comp BINDINGS 9 PUSH 24 SPEC 1)
hone_kernel(stats_rows optim/stats_rows.comp BINDINGS 3 PUSH 8 SPEC 2)
hone_kernel(stats_sum optim/stats_sum.comp BINDINGS 4 PUSH 4 SPEC 2)
hone_kernel(unscale_vec4 optim/unscale.comp BINDINGS 4 PUSH 8 SPEC 1)
hone_kernel(unscale_step optim/unscale_step.comp BINDINGS 5 PUSH 16 SPEC 2)

# Batch norm, four channels or one an invocation
foreach(variant ";1" "_vec4;4")
  list(GET variant 0 suffix)
  list(GET variant 1 width)
  hone_kernel(norm_stats${suffix} norm/reduce.comp BINDINGS 2 PUSH 12 SPEC 4 DEFINES WIDTH=${width} STATS=1)
  hone_kernel(norm_sums${suffix} norm/reduce.comp BINDINGS 9 PUSH 20 SPEC 7 DEFINES WIDTH=${width})
  hone_kernel(norm_join_stats${suffix} norm/join_stats.comp BINDINGS 2 PUSH 20 SPEC 1 DEFINES WIDTH=${width})
  hone_kernel(norm_finish_stats${suffix} norm/finish_stats.comp BINDINGS 7 PUSH 24 SPEC 2 DEFINES WIDTH=${width})
  hone_kernel(norm_finish_sums${suffix} norm/finish_sums.comp BINDINGS 4 PUSH 12 SPEC 3 DEFINES WIDTH=${width})
  hone_kernel(norm_apply${suffix} norm/apply.comp BINDINGS 7 PUSH 24 SPEC 6 DEFINES WIDTH=${width})
  hone_kernel(norm_apply_bwd${suffix} norm/apply_bwd.comp BINDINGS 10 PUSH 24 SPEC 5 DEFINES WIDTH=${width})
  hone_kernel(norm_scale_bwd${suffix} norm/scale_bwd.comp BINDINGS 5 PUSH 24 SPEC 4 DEFINES WIDTH=${width})
  # Pooling
  hone_kernel(pool_max${suffix} pool/max.comp BINDINGS 3 PUSH 36 SPEC 5 DEFINES WIDTH=${width})
  hone_kernel(pool_max_bwd${suffix} pool/max_bwd.comp BINDINGS 3 PUSH 36 SPEC 5 DEFINES WIDTH=${width})
  hone_kernel(pool_avg${suffix} pool/avg.comp BINDINGS 2 PUSH 36 SPEC 5 DEFINES WIDTH=${width})
  hone_kernel(pool_avg_bwd${suffix} pool/avg_bwd.comp BINDINGS 2 PUSH 36 SPEC 5 DEFINES WIDTH=${width})
  hone_kernel(pool_sum${suffix} pool/sum.comp BINDINGS 2 PUSH 24 SPEC 2 DEFINES WIDTH=${width})
  # Resizing
  hone_kernel(resize${suffix} resize/resize.comp BINDINGS 2 PUSH 44 SPEC 1 DEFINES WIDTH=${width})
  hone_kernel(resize_bwd${suffix} resize/resize_bwd.comp BINDINGS 2 PUSH 44 SPEC 1 DEFINES WIDTH=${width})
  # Pictures
  hone_kernel(image_normalize${suffix} image/normalize.comp BINDINGS 2 PUSH 28 SPEC 1 DEFINES WIDTH=${width})
endforeach()
# Pooling on GPUs, 16 bytes of channels an invocation
foreach(variant ";0" "_f16;1" "_bf16;2")
  list(GET variant 0 suffix)
  list(GET variant 1 elem)
  hone_kernel(pool_max_strip${suffix} pool/strip.comp BINDINGS 3 PUSH 36 SPEC 6 DEFINES ELEM=${elem} MAX=1)
  hone_kernel(pool_avg_strip${suffix} pool/strip.comp BINDINGS 2 PUSH 36 SPEC 6 DEFINES ELEM=${elem})
  hone_kernel(pool_max_bwd_block${suffix} pool/block.comp BINDINGS 3 PUSH 36 SPEC 5 DEFINES ELEM=${elem} MAX=1)
  hone_kernel(pool_avg_bwd_block${suffix} pool/block.comp BINDINGS 2 PUSH 36 SPEC 5 DEFINES ELEM=${elem})
endforeach()
hone_kernel(image_draw image/draw.comp BINDINGS 2 PUSH 88 SPEC 1)
hone_kernel(image_blur image/blur.comp BINDINGS 3 PUSH 16 SPEC 1)
hone_kernel(image_blocks image/blocks.comp BINDINGS 3 PUSH 12 SPEC 1)
hone_kernel(image_mix image/mix.comp BINDINGS 3 PUSH 12 SPEC 1)
hone_kernel(image_style image/style.comp BINDINGS 3 PUSH 36 SPEC 1)
hone_kernel(image_warp image/warp.comp BINDINGS 3 PUSH 36 SPEC 1)

# Layer norm, four channels or one an invocation
foreach(variant ";1;0" "_vec4;4;0" "_f16;4;1" "_bf16;4;2")
  list(GET variant 0 suffix)
  list(GET variant 1 width)
  list(GET variant 2 elem)
  set(defines DEFINES WIDTH=${width} ELEM=${elem})
  hone_kernel(layer_norm${suffix} norm/layer.comp BINDINGS 6 PUSH 12 SPEC 2 ${defines})
  hone_kernel(layer_norm_bwd_x${suffix} norm/layer_bwd.comp BINDINGS 6 PUSH 8 SPEC 2 ${defines})
  hone_kernel(layer_norm_bwd_p${suffix} norm/layer_sums.comp BINDINGS 6 PUSH 16 SPEC 1 ${defines})
endforeach()

# Attention and its gradients
include(${CMAKE_CURRENT_LIST_DIR}/attention/kernels.cmake)

# Softmax and loss
hone_kernel(softmax softmax/softmax.comp BINDINGS 2 PUSH 8 SPEC 2)
hone_kernel(softmax_bwd softmax/softmax_bwd.comp BINDINGS 3 PUSH 8 SPEC 2)
hone_kernel(loss_rows softmax/loss_rows.comp BINDINGS 4 PUSH 16 SPEC 2)
hone_kernel(loss_sum softmax/loss_sum.comp BINDINGS 2 PUSH 4 SPEC 2)
hone_kernel(loss_weights softmax/loss_weights.comp BINDINGS 3 PUSH 8 SPEC 2)
hone_kernel(loss_bwd softmax/loss_bwd.comp BINDINGS 6 PUSH 16 SPEC 2)

# Yardsticks of a device: exec/yardstick.c
hone_kernel(bench_copy bench/copy.comp BINDINGS 2 PUSH 4 SPEC 1)
hone_kernel(bench_fma bench/fma.comp BINDINGS 1 PUSH 12 SPEC 1)
hone_kernel(bench_empty bench/empty.comp BINDINGS 1 PUSH 0 SPEC 1)
