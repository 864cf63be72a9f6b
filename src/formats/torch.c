// torch.c: the files of torch.save. Both kinds hold a pickle whose tensors name storages by a key:
// in a zip (PyTorch 1.6 and later) a storage is an entry "NAME/data/KEY", before it follows the
// pickle in the same file. The pickle is read as data; nothing in it is run (pickle.h).
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "formats/pickle.h"
#include "formats/weights.h"

typedef const struct hone_pickle_value value;

// ---- What may stand in a file of weights ----------------------------------------------------

static const struct {
    const char *name; // "torch NAME"
    enum hone_weight_type type;
} storages[] = {
    {"torch FloatStorage", HONE_WEIGHT_F32},     {"torch HalfStorage", HONE_WEIGHT_F16},
    {"torch BFloat16Storage", HONE_WEIGHT_BF16}, {"torch DoubleStorage", HONE_WEIGHT_F64},
    {"torch LongStorage", HONE_WEIGHT_I64},      {"torch IntStorage", HONE_WEIGHT_I32},
    {"torch ShortStorage", HONE_WEIGHT_I16},     {"torch CharStorage", HONE_WEIGHT_I8},
    {"torch ByteStorage", HONE_WEIGHT_U8},       {"torch BoolStorage", HONE_WEIGHT_BOOL},
};

// Names that hone gives a meaning, and those that training scripts leave beside the weights, which
// stay calls that nobody makes.
static const char *const globals[] = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch Size",
    "torch device",
    "torch float32",
    "torch float16",
    "torch bfloat16",
    "collections defaultdict",
    "argparse Namespace",
    "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
    "numpy dtype",
    "_codecs encode",
};

static bool allow(const char *module, const char *name) {
    size_t length = strlen(module);
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (strncmp(globals[i], module, length) == 0 && globals[i][length] == ' ' &&
            strcmp(globals[i] + length + 1, name) == 0)
            return true;
    for (size_t i = 0; i < sizeof storages / sizeof *storages && strcmp(module, "torch") == 0; i++)
        if (strcmp(storages[i].name + 6, name) == 0) return true;
    return false;
}

// ---- Tensors --------------------------------------------------------------------------------

struct storage {
    const char *key;
    enum hone_weight_type type;
    int64_t elements;
    int64_t entry;         // of the zip; -1: in the file
    uint64_t offset, room; // of its first byte, and where its file or entry ends for it
};

static hone_status odd(const char *what) {
    return hone_fail(HONE_INVALID, "%s is not as torch.save writes it", what);
}

// ("storage", type, key, location, elements[, view]): a view of another storage is no longer
// written.
static hone_status read_storage(value *stored, struct storage *out) {
    value *id = stored->args;
    value *key = hone_pickle_item(id, 2, HONE_PICKLE_TEXT);
    value *type = hone_pickle_item(id, 1, HONE_PICKLE_GLOBAL);
    value *elements = hone_pickle_item(id, 4, HONE_PICKLE_INT);
    if (!key || !type || !elements || elements->i < 0 || elements->i > INT64_MAX / 16)
        return odd("a storage");
    if (id->count > 5 && !hone_pickle_item(id, 5, HONE_PICKLE_NONE))
        return hone_fail(HONE_UNSUPPORTED,
                         "storage '%s' is a view of another; save again with a "
                         "newer PyTorch",
                         key->text);
    *out = (struct storage){.key = key->text, .elements = elements->i, .entry = -1};
    for (size_t i = 0; i < sizeof storages / sizeof *storages; i++)
        if (hone_pickle_is(type, storages[i].name)) {
            out->type = storages[i].type;
            return HONE_OK;
        }
    return odd("the type of a storage");
}

static hone_status read_sizes(value *tuple, int64_t *out, int *count) {
    // torch.Size((2, 3)) is a call around the tuple
    if (tuple && tuple->kind == HONE_PICKLE_CALL && hone_pickle_is(tuple, "torch Size"))
        tuple = hone_pickle_item(tuple->args, 0, HONE_PICKLE_TUPLE);
    if (!tuple || tuple->kind != HONE_PICKLE_TUPLE) return odd("a shape");
    if (tuple->count > HONE_WEIGHT_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "a tensor of %zu axes; up to %d are read", tuple->count,
                         HONE_WEIGHT_MAX_RANK);
    *count = (int)tuple->count;
    for (int i = 0; i < *count; i++) {
        value *size = hone_pickle_item(tuple, (size_t)i, HONE_PICKLE_INT);
        if (!size) return odd("a shape");
        out[i] = size->i;
    }
    return HONE_OK;
}

// The arguments of the call that rebuilds a tensor, through a parameter; NULL for what is none.
static value *tensor_args(value *v) {
    if (hone_pickle_is(v, "torch._utils _rebuild_parameter") && v->kind == HONE_PICKLE_CALL)
        v = hone_pickle_item(v->args, 0, HONE_PICKLE_CALL);
    if (!v || v->kind != HONE_PICKLE_CALL) return NULL;
    bool tensor = hone_pickle_is(v, "torch._utils _rebuild_tensor_v2") ||
                  hone_pickle_is(v, "torch._utils _rebuild_tensor");
    return tensor ? v->args : NULL;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct storage *)a)->key, ((const struct storage *)b)->key);
}

// (storage, offset, size, stride, ...)
static hone_status add_tensor(struct hone_weights *out, size_t *capacity, const char *name,
                              value *args, const struct storage *table, size_t count) {
    value *stored = hone_pickle_item(args, 0, HONE_PICKLE_STORED);
    value *offset = hone_pickle_item(args, 1, HONE_PICKLE_INT);
    struct storage named;
    struct hone_weight w = {.name = name};
    int strides = 0;
    if (!stored || !offset || args->count < 4) return odd("a tensor");
    HONE_TRY(read_storage(stored, &named));
    HONE_TRY(read_sizes(args->items[2], w.dim, &w.rank));
    HONE_TRY(read_sizes(args->items[3], w.stride, &strides));
    const struct storage *s = bsearch(&named, table, count, sizeof *table, by_key);
    if (!s || strides != w.rank || s->type != named.type) return odd("a tensor");
    uint64_t width = (uint64_t)hone_weight_type_bytes(s->type);
    uint64_t end = s->offset + (uint64_t)s->elements * width;
    if (offset->i < 0 || offset->i > s->elements || end > s->room) return odd("a tensor's place");
    w.type = s->type;
    w.entry = s->entry;
    w.offset = s->offset + (uint64_t)offset->i * width;
    return hone_weights_add(out, capacity, &w, end);
}

static bool holds_tensors(value *dict) {
    for (size_t i = 1; dict && dict->kind == HONE_PICKLE_DICT && i < dict->count; i += 2)
        if (tensor_args(dict->items[i])) return true;
    return false;
}

// The dict of the tensors: the root, or what scripts call it.
static value *find_state_dict(value *root) {
    static const char *const keys[] = {
        "state_dict",  "model",   "model_state_dict", "model_ema", "net",     "state_dict_ema",
        "model_state", "weights", "params",           "teacher",   "student", "encoder"};
    if (holds_tensors(root)) return root;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        value *inner = hone_pickle_find(root, keys[i]);
        if (holds_tensors(inner)) return inner;
    }
    return NULL;
}

// Removes what wrappers put before every name: DataParallel, torch.compile.
static void strip_prefixes(struct hone_weights *weights) {
    static const char *const prefixes[] = {"module.", "_orig_mod."};
    for (size_t k = 0; k < 2 * sizeof prefixes / sizeof *prefixes; k++) {
        const char *prefix = prefixes[k % (sizeof prefixes / sizeof *prefixes)];
        size_t length = strlen(prefix), with = 0;
        for (size_t i = 0; i < weights->count; i++)
            with += strncmp(weights->items[i].name, prefix, length) == 0;
        for (size_t i = 0; i < weights->count && with == weights->count; i++)
            weights->items[i].name += length;
    }
}

static hone_status add_tensors(struct hone_weights *out, value *root, const struct storage *table,
                               size_t count) {
    value *dict = find_state_dict(root);
    if (!dict)
        return hone_fail(HONE_UNSUPPORTED,
                         "no state dict in it: save with torch.save(model.state_dict(), path)");
    size_t capacity = 0;
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
        value *args = tensor_args(dict->items[i + 1]);
        if (!args || dict->items[i]->kind != HONE_PICKLE_TEXT) continue;
        HONE_TRY(
            hone_fail_context(add_tensor(out, &capacity, dict->items[i]->text, args, table, count),
                              "'%.100s'", dict->items[i]->text));
    }
    strip_prefixes(out);
    return HONE_OK;
}

// Every storage that the pickle names, once, in order of keys. hone_free.
static hone_status collect_storages(const struct hone_pickle *pickle, struct storage **out,
                                    size_t *count) {
    *count = 0;
    struct storage *table = hone_calloc(pickle->stored_count, sizeof *table, "storages");
    if (!table) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    for (size_t i = 0; i < pickle->stored_count && status == HONE_OK; i++)
        status = read_storage(pickle->stored[i], &table[i]);
    if (status != HONE_OK) {
        hone_free(table);
        return status;
    }
    qsort(table, pickle->stored_count, sizeof *table, by_key);
    for (size_t i = 0; i < pickle->stored_count; i++)
        if (*count == 0 || by_key(&table[*count - 1], &table[i]) != 0) table[(*count)++] = table[i];
    *out = table;
    return HONE_OK;
}

// ---- Before 1.6: one file -------------------------------------------------------------------

// pickle(0x1950a86a20f9469cfc6c), as protocol 2 writes it
static const uint8_t magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

bool hone_torch_is_pickle(const uint8_t *data, size_t bytes) {
    return bytes >= 2 && data[0] == 0x80 && data[1] <= 5;
}

// After the pickles: for each key in order, a 64-bit number of elements and the elements.
static hone_status place_storages(const struct hone_weights *weights, value *keys, size_t at,
                                  struct storage *table, size_t count) {
    for (size_t i = 0; keys && i < keys->count; i++) {
        value *key = hone_pickle_item(keys, i, HONE_PICKLE_TEXT);
        struct storage *s = NULL;
        if (key)
            s = bsearch(&(struct storage){.key = key->text}, table, count, sizeof *table, by_key);
        uint64_t elements = 0;
        if (!s || weights->bytes - at < 8) return odd("the list of storages");
        for (int k = 0; k < 8; k++) elements |= (uint64_t)weights->data[at + (size_t)k] << (8 * k);
        at += 8;
        uint64_t width = (uint64_t)hone_weight_type_bytes(s->type);
        if (elements != (uint64_t)s->elements || elements > (weights->bytes - at) / width)
            return hone_fail(HONE_INVALID, "the file is damaged or cut short");
        s->offset = at;
        s->room = weights->bytes;
        at += (size_t)(elements * width);
    }
    return HONE_OK;
}

// Magic number, version, facts of the machine, the object, the keys; then the storages.
hone_status hone_torch_pickle_table(struct hone_weights *weights) {
    struct hone_pickle part, object = {0};
    struct storage *table = NULL;
    size_t at = 0, count = 0;
    if (weights->bytes < sizeof magic || memcmp(weights->data, magic, sizeof magic) != 0)
        return hone_fail(HONE_UNSUPPORTED, "a pickle, but not one of torch.save");
    for (int i = 0; i < 5; i++) {
        HONE_TRY(hone_pickle_read(weights->data + at, weights->bytes - at, allow, &weights->arena,
                                  &part));
        at += part.used;
        if (i == 3) object = part;
    }
    HONE_TRY(collect_storages(&object, &table, &count));
    hone_status status = place_storages(weights, part.root, at, table, count);
    if (status == HONE_OK) status = add_tensors(weights, object.root, table, count);
    hone_free(table);
    return status;
}

// ---- Since 1.6: a zip -----------------------------------------------------------------------

static hone_status zip_failure(const char *what) {
    return hone_fail(HONE_INVALID, "%s of the zip cannot be read: it is damaged or cut short",
                     what);
}

// An entry's size. Only stored ones are read: torch.save compresses nothing, and a small file
// cannot claim to be a large one.
static hone_status entry_size(const struct hone_weights *weights, int64_t entry, uint64_t *out) {
    zip_stat_t stat;
    if (zip_stat_index(weights->zip, (zip_uint64_t)entry, 0, &stat) != 0 ||
        !(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_COMP_METHOD))
        return zip_failure("an entry");
    if (stat.comp_method != ZIP_CM_STORE || stat.size > weights->bytes)
        return hone_fail(HONE_UNSUPPORTED, "the zip is compressed, which torch.save does not do");
    *out = stat.size;
    return HONE_OK;
}

hone_status hone_torch_zip_read(const struct hone_weights *weights, int64_t entry, uint64_t offset,
                                void *out, uint64_t bytes) {
    zip_file_t *file = zip_fopen_index(weights->zip, (zip_uint64_t)entry, 0);
    uint8_t behind;
    if (!file) return zip_failure("an entry");
    bool good = offset == 0 || zip_fseek(file, (zip_int64_t)offset, SEEK_SET) == 0;
    good = good && zip_fread(file, out, bytes) == (zip_int64_t)bytes;
    // At the end of an entry that was read from its first byte, libzip compares the checksum.
    bool sound = !good || zip_fread(file, &behind, 1) >= 0;
    zip_fclose(file);
    if (!sound)
        return hone_fail(HONE_INVALID,
                         "the checksum of an entry of the zip is not that of its bytes: it is "
                         "damaged, or was saved with set_crc32_options(False)");
    return good ? HONE_OK : zip_failure("an entry");
}

void hone_torch_zip_close(struct hone_weights *weights) {
    if (weights->zip) zip_discard(weights->zip);
    weights->zip = NULL;
}

static hone_status open_zip(struct hone_weights *weights) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(weights->data, weights->bytes, 0, &error);
    if (source) weights->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (source && !weights->zip) zip_source_free(source);
    zip_error_fini(&error);
    return weights->zip ? HONE_OK : zip_failure("the table");
}

// Finds NAME/data.pkl; `prefix` receives "NAME/" (in the arena).
static hone_status find_pickle(struct hone_weights *weights, int64_t *entry, const char **prefix) {
    zip_int64_t entries = zip_get_num_entries(weights->zip, 0);
    for (zip_int64_t i = 0; i < entries; i++) {
        const char *name = zip_get_name(weights->zip, (zip_uint64_t)i, 0);
        size_t length = name ? strlen(name) : 0, tail = strlen("data.pkl");
        if (length < tail || strcmp(name + length - tail, "data.pkl") != 0) continue;
        char *copy = hone_arena_strdup(&weights->arena, name);
        if (!copy) return HONE_OUT_OF_MEMORY;
        copy[length - tail] = '\0';
        *entry = i;
        *prefix = copy;
        return HONE_OK;
    }
    return hone_fail(HONE_UNSUPPORTED, "a zip without a data.pkl: not a file of torch.save");
}

// The entry "PREFIX" "FOLDER" "KEY", or -1.
static int64_t find_entry(const struct hone_weights *weights, const char *prefix,
                          const char *folder, const char *key) {
    char name[512];
    if (strlen(prefix) + strlen(folder) + strlen(key) >= sizeof name) return -1;
    strcpy(name, prefix);
    strcat(name, folder);
    strcat(name, key);
    return zip_name_locate(weights->zip, name, 0);
}

static hone_status check_byte_order(const struct hone_weights *weights, const char *prefix) {
    char order[8] = {0};
    uint64_t size;
    int64_t entry = find_entry(weights, prefix, "", "byteorder");
    if (entry < 0) return HONE_OK;
    HONE_TRY(entry_size(weights, entry, &size));
    HONE_TRY(hone_torch_zip_read(weights, entry, 0, order, size < 7 ? size : 7));
    if (strcmp(order, "little") == 0) return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED, "its numbers are big-endian: save again on another machine");
}

hone_status hone_torch_zip_table(struct hone_weights *weights) {
    int64_t entry;
    const char *prefix;
    uint64_t size;
    struct hone_pickle pickle;
    struct storage *table = NULL;
    size_t count = 0;
    HONE_TRY(open_zip(weights));
    HONE_TRY(find_pickle(weights, &entry, &prefix));
    HONE_TRY(check_byte_order(weights, prefix));
    HONE_TRY(entry_size(weights, entry, &size));
    uint8_t *text = hone_arena_alloc(&weights->arena, (size_t)size + 1, 1);
    if (!text) return HONE_OUT_OF_MEMORY;
    HONE_TRY(hone_torch_zip_read(weights, entry, 0, text, size));
    HONE_TRY(hone_pickle_read(text, (size_t)size, allow, &weights->arena, &pickle));
    HONE_TRY(collect_storages(&pickle, &table, &count));
    hone_status status = HONE_OK;
    for (size_t i = 0; i < count && status == HONE_OK; i++) {
        table[i].entry = find_entry(weights, prefix, "data/", table[i].key);
        if (table[i].entry < 0)
            status = hone_fail(HONE_INVALID, "storage '%.100s' is missing", table[i].key);
        else
            status = entry_size(weights, table[i].entry, &table[i].room);
    }
    if (status == HONE_OK) status = add_tensors(weights, pickle.root, table, count);
    hone_free(table);
    return status;
}
