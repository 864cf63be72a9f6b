// statistics.c: see statistics.h. One table holds every driver's names.
#include "gpu/statistics.h"

#include <ctype.h>
#include <string.h>

#define AT(member) offsetof(struct hone_gpu_pipeline_statistics, member)

// Seen on Mesa 25.0 (RADV, ANV, NVK; 25.1 of the last where marked); "Register Count" and its like
// on NVIDIA's driver, as ggml reads it; AMD's drivers use the member names of VK_AMD_shader_info.
static const struct {
    const char *name;
    size_t at;
} names[] = {
    // RADV
    {"VGPRs", AT(registers)},
    {"SGPRs", AT(scalar_registers)},
    {"Spilled VGPRs", AT(spills)},
    {"Spilled SGPRs", AT(spills)},
    {"Scratch size", AT(scratch_bytes)},
    {"LDS size", AT(shared_bytes)},
    {"Instructions", AT(instructions)},
    {"VMEM", AT(memory_instructions)},
    {"SMEM", AT(memory_instructions)},
    {"Code size", AT(code_bytes)},
    {"Latency", AT(cycles)},
    {"Inverse Throughput", AT(inverse_throughput)},
    {"Subgroups per SIMD", AT(subgroups_in_flight)},
    // ANV
    {"Max live registers", AT(registers)},
    {"Spill Count", AT(spills)},
    {"Scratch Memory Size", AT(scratch_bytes)},
    {"Workgroup Memory Size", AT(shared_bytes)},
    {"Instruction Count", AT(instructions)},
    {"SEND Count", AT(memory_instructions)},
    {"Cycle Count", AT(cycles)},
    // NVK
    {"Number of GPRs", AT(registers)},
    {"Spills to memory", AT(spills)}, // 25.1
    {"SLM Size", AT(scratch_bytes)},
    {"Static cycle count", AT(cycles)},        // 25.1
    {"Max warps/SM", AT(subgroups_in_flight)}, // 25.1
    // NVIDIA
    {"Register Count", AT(registers)},
    {"Local Memory Size", AT(scratch_bytes)},
    {"Shared Memory Size", AT(shared_bytes)},
    {"Binary Size", AT(code_bytes)},
    // AMD
    {"numUsedVgprs", AT(registers)},
    {"numUsedSgprs", AT(scalar_registers)},
    {"ldsUsageSizeInBytes", AT(shared_bytes)},
    {"scratchMemUsageInBytes", AT(scratch_bytes)},
};

static int64_t *member(struct hone_gpu_pipeline_statistics *s, size_t at) {
    return (int64_t *)(void *)((char *)s + at);
}

// Drivers differ, and change, in capitals: "Code size", "Code Size".
static bool same_name(const char *a, const char *b) {
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b)) a++, b++;
    return !*a && !*b;
}

void hone_gpu_statistics_init(struct hone_gpu_pipeline_statistics *out) {
    for (size_t at = 0; at < sizeof *out; at += sizeof(int64_t))
        *member(out, at) = HONE_GPU_UNKNOWN;
}

bool hone_gpu_statistics_add(struct hone_gpu_pipeline_statistics *out, const char *name,
                             int64_t value) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!same_name(names[i].name, name)) continue;
        int64_t *at = member(out, names[i].at);
        *at = *at == HONE_GPU_UNKNOWN ? value : *at + value;
        return true;
    }
    return false;
}

void hone_gpu_statistics_merge(struct hone_gpu_pipeline_statistics *into,
                               const struct hone_gpu_pipeline_statistics *from) {
    struct hone_gpu_pipeline_statistics copy = *from;
    for (size_t at = 0; at < sizeof *into; at += sizeof(int64_t))
        if (*member(&copy, at) > *member(into, at)) *member(into, at) = *member(&copy, at);
}

bool hone_gpu_is_listing(const char *name) {
    static const char *const known[] = {"Assembly", "GEN Assembly", "NAK assembly", "SASS"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (same_name(known[i], name)) return true;
    return false;
}

// Whether a word of the line begins with one of the mnemonics.
static bool multiplies(const char *line, size_t bytes) {
    static const char *const mnemonics[] = {"v_wmma_", "v_swmmac_", "v_mfma_", "dpas",
                                            "hmma",    "imma",      "hgmma",   "igmma"};
    for (size_t i = 0; i < bytes; i++) {
        bool starts = i == 0 || (!isalnum((unsigned char)line[i - 1]) && line[i - 1] != '_');
        for (size_t k = 0; starts && k < sizeof mnemonics / sizeof *mnemonics; k++) {
            size_t j = 0;
            while (mnemonics[k][j] && i + j < bytes &&
                   tolower((unsigned char)line[i + j]) == mnemonics[k][j])
                j++;
            if (!mnemonics[k][j]) return true;
        }
    }
    return false;
}

int64_t hone_gpu_matrix_instructions(const char *listing, size_t bytes) {
    int64_t count = 0;
    for (size_t begin = 0; begin < bytes;) {
        const char *end = memchr(listing + begin, '\n', bytes - begin);
        size_t length = end ? (size_t)(end - listing) - begin : bytes - begin;
        count += multiplies(listing + begin, length);
        begin += length + 1;
    }
    return count;
}
