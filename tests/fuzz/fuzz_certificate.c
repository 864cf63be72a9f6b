// fuzz_certificate: any bytes as the certificate of a device, which is JSON: as it is, and, since
// that needs luck to get far, as the rows of a well-formed one for this device and build.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "check/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct hone_caps caps = {.name = "device", .driver = "driver"};

static void load(const char *path, const void *data, size_t bytes) {
    struct hone_certificate certificate = {0};
    if (hone_file_write(path, data, bytes) != HONE_OK) abort();
    if (hone_certificate_load(path, &caps, &certificate) != HONE_OK) abort();
    for (size_t i = 0; i < certificate.count; i++)
        if (!certificate.rows[i].name) abort();
    hone_certificate_deinit(&certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char path[64], build[64];
    snprintf(path, sizeof path, "/dev/shm/hone-fuzz-certificate-%ld", (long)getpid());
    load(path, data, bytes);
    char *text = malloc(bytes + 400);
    if (!text) return 0;
    int head = snprintf(text, 400,
                        "{\"format\": 1, \"build\": \"%s\", \"device\": \"device\", \"driver\": "
                        "\"driver\", \"whole\": true, \"rows\": ",
                        hone_build_id(build));
    if (bytes) memcpy(text + head, data, bytes);
    text[(size_t)head + bytes] = '}';
    load(path, text, (size_t)head + bytes + 1);
    free(text);
    unlink(path);
    return 0;
}
