// validation.c: the Khronos validation layer: whether there is one, what it is asked to check, and
// what it says.
#include "gpu/internal.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define HONE_VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"
// The oldest layer of which it was seen that it reports what kernels access past the range that is
// bound (1.3.239 says nothing of it), and that it knows the settings below.
#define HONE_KNOWN_LAYER VK_MAKE_API_VERSION(0, 1, 4, 309)

static atomic_size_t hone_gpu_messages;

size_t hone_gpu_validation_messages(void) {
    return atomic_load(&hone_gpu_messages);
}

// What the layer says of itself as it sets up GPU-assisted validation. Other messages of these
// names, such as that a check is left out, count.
static bool is_setup(const VkDebugUtilsMessengerCallbackDataEXT *data) {
    static const struct {
        const char *name, *text;
    } known[] = {
        {"VALIDATION-SETTINGS", "Both GPU Assisted Validation and Normal Core Check Validation"},
        {"WARNING-GPU-Assisted-Validation", "Internal Warning: Forcing "}, // a feature
        {"WARNING-GPU-Assisted-Validation", "Internal Warning: Setting "}, // a limit
        {"WARNING-GPU-Assisted-Validation", "the shaderInt64 feature was not supported [Disabling "
                                            "gpuav_buffer_address_oob]"}, // no such kernel, either
    };
    if (!data->pMessageIdName || !data->pMessage) return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(data->pMessageIdName, known[i].name) == 0 &&
            strstr(data->pMessage, known[i].text))
            return true;
    return false;
}

static VkBool32 VKAPI_PTR on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                     VkDebugUtilsMessageTypeFlagsEXT types,
                                     const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
    (void)user;
    (void)types;
    if (is_setup(data)) {
        hone_log(HONE_LOG_DEBUG, "Vulkan validation: %s", data->pMessage);
        return VK_FALSE;
    }
    atomic_fetch_add(&hone_gpu_messages, 1);
    bool error = severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    hone_log(HONE_LOG_WARNING, "Vulkan validation %s: %s", error ? "error" : "warning",
             data->pMessage ? data->pMessage : "(no text)");
    return VK_FALSE;
}

static bool has_validation(uint32_t *version) {
    uint32_t count = 0;
    if (vkEnumerateInstanceLayerProperties(&count, NULL) != VK_SUCCESS || !count) return false;
    VkLayerProperties *list = hone_calloc(count, sizeof *list, "Vulkan layers");
    if (!list) return false;
    bool found = false;
    if (vkEnumerateInstanceLayerProperties(&count, list) >= VK_SUCCESS)
        for (uint32_t i = 0; i < count && !found; i++)
            if (strcmp(list[i].layerName, HONE_VALIDATION_LAYER) == 0) {
                *version = list[i].specVersion;
                found = true;
            }
    hone_free(list);
    return found &&
           hone_gpu_has_extension(HONE_VALIDATION_LAYER, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME);
}

void hone_gpu_validation_choose(bool validate, struct hone_gpu_instance *out) {
    const char *variable = getenv("HONE_VALIDATE");
    out->validating = validate || (variable && *variable && strcmp(variable, "0") != 0);
    out->assisted = out->validating && variable && strcmp(variable, "gpu") == 0;
    if (out->validating && !has_validation(&out->layer_version)) {
        hone_log(HONE_LOG_WARNING, "Vulkan validation was asked for, but " HONE_VALIDATION_LAYER
                                   " is missing (Debian, Ubuntu: vulkan-validationlayers)");
        out->validating = out->assisted = false;
    }
    if (out->assisted && out->layer_version < HONE_KNOWN_LAYER) {
        hone_log(HONE_LOG_WARNING,
                 "validation of kernels was asked for, but " HONE_VALIDATION_LAYER
                 " %u.%u.%u is older than 1.4.309, and checks all but them",
                 VK_API_VERSION_MAJOR(out->layer_version), VK_API_VERSION_MINOR(out->layer_version),
                 VK_API_VERSION_PATCH(out->layer_version));
        out->assisted = false;
    }
}

void hone_gpu_validation_params(const struct hone_gpu_instance *instance,
                                struct hone_gpu_validation *out) {
    static const VkValidationFeatureEnableEXT checks[] = {
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT,
        VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT};
    static const VkBool32 yes = VK_TRUE, no = VK_FALSE;
    static const VkLayerSettingEXT settings[] = {
        // Without it, newer layers pass over what kernels read and write.
        {HONE_VALIDATION_LAYER, "syncval_shader_accesses_heuristic",
         VK_LAYER_SETTING_TYPE_BOOL32_EXT, 1, &yes},
        // Of commands and shaders that hone has none of: warnings where a device can't have them.
        {HONE_VALIDATION_LAYER, "gpuav_buffers_validation", VK_LAYER_SETTING_TYPE_BOOL32_EXT, 1,
         &no},
        {HONE_VALIDATION_LAYER, "gpuav_validate_ray_query", VK_LAYER_SETTING_TYPE_BOOL32_EXT, 1,
         &no},
    };
    *out = (struct hone_gpu_validation){
        .layer = HONE_VALIDATION_LAYER,
        .extensions = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                       VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME},
        .extension_count = 2,
        .features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                     .pNext = &out->messenger,
                     .enabledValidationFeatureCount = instance->assisted ? 2 : 1,
                     .pEnabledValidationFeatures = checks},
        .messenger = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
                      .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                                         VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
                      .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
                      .pfnUserCallback = on_message},
        .settings = {.sType = VK_STRUCTURE_TYPE_LAYER_SETTINGS_CREATE_INFO_EXT,
                     .pNext = &out->messenger,
                     .settingCount = sizeof settings / sizeof *settings,
                     .pSettings = settings},
    };
    if (instance->layer_version < HONE_KNOWN_LAYER) return;
    out->extensions[out->extension_count++] = VK_EXT_LAYER_SETTINGS_EXTENSION_NAME;
    out->features.pNext = &out->settings;
}
