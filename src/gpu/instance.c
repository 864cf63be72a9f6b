// instance.c: finds the Vulkan loader at run time and creates instances. Where there is no Vulkan,
// the message says which packages bring it.
#include "gpu/internal.h"

#include "base/alloc.h"
#include "base/log.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <hone/version.h>

#define HONE_VULKAN_PACKAGES "(Debian, Ubuntu: apt install libvulkan1 mesa-vulkan-drivers)"

pthread_mutex_t hone_gpu_instance_lock = PTHREAD_MUTEX_INITIALIZER;

// HONE_VULKAN_LOADER names another loader library, for systems that keep it in an odd place.
// The library stays loaded for the life of the process, as drivers do not like to be unloaded.
static hone_status load_loader(void) {
    static char loaded[512];
    static bool ready;
    const char *asked = getenv("HONE_VULKAN_LOADER");
    if (!asked) asked = "";
    if (ready && strcmp(loaded, asked) == 0) return HONE_OK;
    ready = false;
    void *library = dlopen(*asked ? asked : "libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library && !*asked) library = dlopen("libvulkan.so", RTLD_NOW | RTLD_LOCAL);
    // dlsym gives an object pointer; POSIX says that this conversion works, ISO C has no cast for
    // it.
    PFN_vkGetInstanceProcAddr entry = NULL;
    void *symbol = library ? dlsym(library, "vkGetInstanceProcAddr") : NULL;
    memcpy(&entry, &symbol, sizeof entry);
    if (!entry) {
        if (library) dlclose(library); // something else has that name
        return hone_fail(HONE_NOT_FOUND,
                         "no Vulkan loader (%s) on this machine; install it and a "
                         "driver " HONE_VULKAN_PACKAGES,
                         *asked ? asked : "libvulkan.so.1");
    }
    volkInitializeCustom(entry);
    if (strlen(asked) < sizeof loaded) {
        memcpy(loaded, asked, strlen(asked) + 1);
        ready = true;
    }
    return HONE_OK;
}

static void set_environment_defaults(void) {
    for (const struct hone_gpu_env *env = hone_gpu_env_defaults; env->name; env++)
        setenv(env->name, env->value, 0);
}

bool hone_gpu_has_extension(const char *layer, const char *name) {
    uint32_t count = 0;
    if (vkEnumerateInstanceExtensionProperties(layer, &count, NULL) != VK_SUCCESS || !count)
        return false;
    VkExtensionProperties *list = hone_calloc(count, sizeof *list, "Vulkan extensions");
    if (!list) return false;
    bool found = false;
    if (vkEnumerateInstanceExtensionProperties(layer, &count, list) >= VK_SUCCESS)
        for (uint32_t i = 0; i < count && !found; i++)
            found = strcmp(list[i].extensionName, name) == 0;
    hone_free(list);
    return found;
}

static hone_status create_instance(struct hone_gpu_instance *out) {
    struct hone_gpu_validation validation;
    const char *extensions[HONE_GPU_VALIDATION_EXTENSIONS + 1];
    uint32_t extension_count = 0;
    VkInstanceCreateFlags flags = 0;
    if (out->validating) {
        hone_gpu_validation_params(out, &validation);
        for (; extension_count < validation.extension_count; extension_count++)
            extensions[extension_count] = validation.extensions[extension_count];
    }
    if (hone_gpu_has_extension(NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        extensions[extension_count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
        flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "hone",
        .pEngineName = "hone",
        .engineVersion =
            VK_MAKE_VERSION(HONE_VERSION_MAJOR, HONE_VERSION_MINOR, HONE_VERSION_PATCH),
        .apiVersion =
            VK_API_VERSION_1_3, // the newest of which hone takes something, not the oldest
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = out->validating ? &validation.features : NULL,
        .flags = flags,
        .pApplicationInfo = &application,
        .enabledLayerCount = out->validating ? 1 : 0,
        .ppEnabledLayerNames = out->validating ? &validation.layer : NULL,
        .enabledExtensionCount = extension_count,
        .ppEnabledExtensionNames = extensions,
    };
    VkResult result = HONE_VK(vkCreateInstance(&info, NULL, &out->handle));
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
        return hone_fail(HONE_NOT_FOUND, "there is a Vulkan loader but no driver; install one for "
                                         "this GPU " HONE_VULKAN_PACKAGES);
    return hone_gpu_check(NULL, result, "vkCreateInstance");
}

hone_status hone_gpu_instance_open(bool validate, struct hone_gpu_instance *out) {
    *out = (struct hone_gpu_instance){0};
    set_environment_defaults();
    HONE_TRY(load_loader());
    if (volkGetInstanceVersion() < VK_API_VERSION_1_2)
        return hone_fail(
            HONE_UNSUPPORTED,
            "the Vulkan loader is older than Vulkan 1.2; update it " HONE_VULKAN_PACKAGES);
    hone_gpu_validation_choose(validate, out);
    hone_status status = create_instance(out);
    if (status != HONE_OK) {
        *out = (struct hone_gpu_instance){0};
        return status;
    }
    volkLoadInstanceOnly(out->handle);
    if (out->validating) {
        struct hone_gpu_validation validation;
        hone_gpu_validation_params(out, &validation);
        VkResult result = HONE_VK(vkCreateDebugUtilsMessengerEXT(out->handle, &validation.messenger,
                                                                 NULL, &out->messenger));
        status = hone_gpu_check(NULL, result, "vkCreateDebugUtilsMessengerEXT");
        if (status != HONE_OK) hone_gpu_instance_close(out);
    }
    return status;
}

void hone_gpu_instance_close(struct hone_gpu_instance *instance) {
    if (instance->messenger)
        vkDestroyDebugUtilsMessengerEXT(instance->handle, instance->messenger, NULL);
    if (instance->handle) vkDestroyInstance(instance->handle, NULL);
    *instance = (struct hone_gpu_instance){0};
}

hone_status hone_gpu_instance_devices(const struct hone_gpu_instance *instance,
                                      VkPhysicalDevice **out, size_t *count) {
    *out = NULL;
    *count = 0;
    uint32_t found = 0;
    VkResult result = HONE_VK(vkEnumeratePhysicalDevices(instance->handle, &found, NULL));
    // Some loaders report the lack of a driver here and not in vkCreateInstance.
    if (result == VK_ERROR_INITIALIZATION_FAILED || (result == VK_SUCCESS && !found))
        return hone_fail(HONE_NOT_FOUND, "there is a Vulkan loader but no device; install a driver "
                                         "for this GPU " HONE_VULKAN_PACKAGES);
    HONE_TRY(hone_gpu_check(NULL, result, "vkEnumeratePhysicalDevices"));
    VkPhysicalDevice *devices = hone_calloc(found, sizeof *devices, "the device list");
    if (!devices) return HONE_OUT_OF_MEMORY;
    result = HONE_VK(vkEnumeratePhysicalDevices(instance->handle, &found, devices));
    if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
        hone_free(devices);
        return hone_gpu_check(NULL, result, "vkEnumeratePhysicalDevices");
    }
    *out = devices;
    *count = found;
    return HONE_OK;
}
