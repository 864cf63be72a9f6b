// vk.h: the one door to Vulkan headers. Functions come from volk at run time, so nothing links to
// libvulkan. coopmat.h declares what the oldest supported headers (1.3.239) lack and hone reads.
#ifndef HONE_GPU_VK_H
#define HONE_GPU_VK_H

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <volk.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include "gpu/coopmat.h"

#endif
