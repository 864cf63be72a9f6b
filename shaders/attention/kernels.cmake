# kernels.cmake: the variants of attention, which ../kernels.cmake takes in.

# Attention and its gradients: other rows straight from memory, through shared memory, spread over a subgroup
foreach(variant ";1;0" "_vec4;4;0" "_f16;4;1" "_bf16;4;2")
  list(GET variant 0 suffix)
  list(GET variant 1 width)
  list(GET variant 2 elem)
  hone_kernel(attention_delta${suffix} attention/delta.comp BINDINGS 3 PUSH 16 SPEC 1 DEFINES WIDTH=${width} ELEM=${elem})
  foreach(way 0 1 2 3)
    set(defines DEFINES WIDTH=${width} ELEM=${elem} WAY=${way})
    hone_kernel(attention_plain${way}${suffix} attention/attention.comp BINDINGS 8 PUSH 68 SPEC 6 ${defines} MODE=0)
    if(width EQUAL 4)
      hone_kernel(attention_shared${way}${suffix} attention/attention.comp BINDINGS 8 PUSH 68 SPEC 6 ${defines} MODE=1)
    endif()
    if(width EQUAL 4 AND elem EQUAL 0)
      hone_kernel(attention_cpu${way}${suffix} attention/attention.comp BINDINGS 8 PUSH 68 SPEC 7 ${defines} MODE=2
        NEEDS cpu subgroup_basic subgroup_ballot subgroup_shuffle)
    endif()
  endforeach()
  set(defines DEFINES WIDTH=${width} ELEM=${elem})
  hone_kernel(attention_bias_plain${suffix} attention/bias.comp BINDINGS 8 PUSH 56 SPEC 4 ${defines} MODE=0)
  if(width EQUAL 4)
    hone_kernel(attention_bias_shared${suffix} attention/bias.comp BINDINGS 8 PUSH 56 SPEC 4 ${defines} MODE=1)
  endif()
  if(width EQUAL 4 AND elem EQUAL 0)
    hone_kernel(attention_bias_cpu${suffix} attention/bias.comp BINDINGS 8 PUSH 56 SPEC 5 ${defines} MODE=2
      NEEDS cpu subgroup_basic subgroup_ballot subgroup_shuffle)
  endif()
endforeach()

# The same on cooperative matrices (generated), and with loops in their place
foreach(type f16 bf16)
  set(elem 1)
  set(needs cooperative_matrix f16 subgroup_basic)
  set(made 15.0 2023.4)
  if(type STREQUAL bf16)
    set(elem 2)
    set(needs cooperative_matrix bf16_matrix subgroup_basic)
    set(made 15.3 2025.2)
  endif()
  foreach(way 0 1 2 3)
    hone_kernel(attention_coop${way}_${type} attention/coop.comp BINDINGS 7 PUSH 56 SPEC 7
      DEFINES COOP=1 ELEM=${elem} WAY=${way} NEEDS ${needs} GENERATED ${made})
    hone_kernel(attention_coop_emulated${way}_${type} attention/coop.comp BINDINGS 7 PUSH 56 SPEC 7
      DEFINES COOP=0 ELEM=${elem} WAY=${way})
  endforeach()
endforeach()
