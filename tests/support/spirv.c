// spirv.c: see spirv.h. Numbers are those of the SPIR-V specification 1.5, section 3.
#include "support/spirv.h"

#include "base/alloc.h"

#include <string.h>

enum {
    OP_CAPABILITY = 17,
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_VECTOR = 23,
    OP_TYPE_ARRAY = 28,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT = 43,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    OP_MEMBER_DECORATE = 72,
    DECORATION_SPEC_ID = 1,
    DECORATION_ARRAY_STRIDE = 6,
    DECORATION_ALIASED = 20,
    DECORATION_BINDING = 33,
    DECORATION_DESCRIPTOR_SET = 34,
    DECORATION_OFFSET = 35,
    STORAGE_UNIFORM_CONSTANT = 0,
    STORAGE_UNIFORM = 2,
    STORAGE_PUSH_CONSTANT = 9,
    STORAGE_STORAGE_BUFFER = 12,
    MAX_MEMBERS = 64,
};

// What is known of one result id.
struct id_info {
    uint32_t op;
    const uint32_t *words; // the defining instruction
    uint32_t binding, set, array_stride;
    bool has_binding, aliased;
    uint32_t member_offsets[MAX_MEMBERS];
};

struct reader {
    struct id_info *ids;
    uint32_t bound;
    struct test_spirv *out;
    bool good;
};

static struct id_info *id(struct reader *r, uint32_t number) {
    if (number < r->bound) return &r->ids[number];
    r->good = false;
    return &r->ids[0];
}

// Bytes that a value of this type takes inside a block.
static uint32_t type_bytes(struct reader *r, uint32_t number, int depth) {
    const struct id_info *type = id(r, number);
    if (!type->op || depth > 8) return 0;
    switch (type->op) {
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT: return type->words[2] / 8;
    case OP_TYPE_VECTOR: return type_bytes(r, type->words[2], depth + 1) * type->words[3];
    case OP_TYPE_POINTER: return 8;
    case OP_TYPE_ARRAY: {
        const struct id_info *length = id(r, type->words[3]);
        return length->op == OP_CONSTANT ? length->words[3] * type->array_stride : 0;
    }
    case OP_TYPE_STRUCT: {
        uint32_t end = 0, members = (type->words[0] >> 16) - 2;
        for (uint32_t i = 0; i < members && i < MAX_MEMBERS; i++) {
            uint32_t at = type->member_offsets[i] + type_bytes(r, type->words[2 + i], depth + 1);
            if (at > end) end = at;
        }
        return end;
    }
    default: return 0;
    }
}

static void read_capability(struct reader *r, uint32_t capability) {
    if (capability < 64) r->out->capabilities |= UINT64_C(1) << capability;
    if (capability == 5347) r->out->buffer_addresses = true;
    if (capability == 6022) r->out->cooperative_matrix = true;
    if ((capability >= 5429 && capability <= 5434) || capability == 5439)
        r->out->cooperative_matrix2 = true;
    if (capability == 4433) r->out->storage_16bit = true;
}

static void read_decoration(struct reader *r, const uint32_t *words, uint32_t count) {
    struct id_info *target = id(r, words[1]);
    uint32_t value = count > 3 ? words[3] : 0;
    switch (words[2]) {
    case DECORATION_SPEC_ID:
        if (value < 32)
            r->out->specs |= 1u << value;
        else
            r->good = false;
        break;
    case DECORATION_ARRAY_STRIDE: target->array_stride = value; break;
    case DECORATION_ALIASED: target->aliased = true; break;
    case DECORATION_DESCRIPTOR_SET: target->set = value; break;
    case DECORATION_BINDING:
        target->binding = value;
        target->has_binding = true;
        break;
    default: break;
    }
}

static void read_variable(struct reader *r, const uint32_t *words) {
    const struct id_info *variable = id(r, words[2]), *pointer = id(r, words[1]);
    uint32_t storage = words[3];
    if (storage == STORAGE_STORAGE_BUFFER && variable->has_binding && variable->set == 0 &&
        variable->binding < 32) {
        r->out->bindings |= 1u << variable->binding;
        if (variable->aliased) r->out->aliased |= 1u << variable->binding;
    } else if (storage == STORAGE_PUSH_CONSTANT && pointer->op == OP_TYPE_POINTER)
        r->out->push_bytes = type_bytes(r, pointer->words[3], 0);
    else if (storage == STORAGE_STORAGE_BUFFER || storage == STORAGE_UNIFORM ||
             storage == STORAGE_UNIFORM_CONSTANT)
        r->out->other_resources = true;
}

static void read_instruction(struct reader *r, const uint32_t *words, uint32_t count) {
    uint32_t op = words[0] & 0xffff;
    if (op == OP_CAPABILITY && count > 1) read_capability(r, words[1]);
    if (op == OP_DECORATE && count > 2) read_decoration(r, words, count);
    if (op == OP_MEMBER_DECORATE && count > 4 && words[3] == DECORATION_OFFSET &&
        words[2] < MAX_MEMBERS)
        id(r, words[1])->member_offsets[words[2]] = words[4];
    if (op >= OP_TYPE_INT && op <= OP_TYPE_POINTER && count > 1) {
        id(r, words[1])->op = op;
        id(r, words[1])->words = words;
    }
    if (op == OP_CONSTANT && count > 3) {
        id(r, words[2])->op = op;
        id(r, words[2])->words = words;
    }
    if (op == OP_VARIABLE && count > 3) read_variable(r, words);
}

bool test_spirv_read(const uint32_t *words, size_t bytes, struct test_spirv *out) {
    size_t total = bytes / 4;
    *out = (struct test_spirv){0};
    if (bytes % 4 || total < 5 || words[0] != 0x07230203 || !words[3] || words[3] > 1 << 20)
        return false;
    struct reader r = {.bound = words[3], .out = out, .good = true};
    r.ids = hone_calloc(r.bound, sizeof *r.ids, "SPIR-V ids");
    if (!r.ids) return false;
    // Types and decorations come before the variables that use them.
    for (size_t at = 5; at < total && r.good;) {
        uint32_t count = words[at] >> 16;
        if (!count || count > total - at)
            r.good = false;
        else
            read_instruction(&r, words + at, count);
        at += count;
    }
    hone_free(r.ids);
    return r.good;
}
