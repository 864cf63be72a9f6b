// tuning.c: tuning records: text to a list and back, and looking one up. A few hundred records at
// most, read when programs are compiled: a list that is searched is enough.
#include "exec/tuning.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"

struct hone_tuning {
    struct hone_arena arena;
    struct hone_tuning_record *records;
    size_t count, capacity;
};

enum { TUNING_FIELDS = 7 };

hone_status hone_tuning_create(struct hone_tuning **out) {
    *out = hone_calloc(1, sizeof **out, "tuning records");
    return *out ? HONE_OK : HONE_OUT_OF_MEMORY;
}

void hone_tuning_destroy(struct hone_tuning **tuning) {
    if (!*tuning) return;
    hone_arena_deinit(&(*tuning)->arena);
    hone_free((*tuning)->records);
    hone_free(*tuning);
    *tuning = NULL;
}

static struct hone_tuning_record *find_exact(const struct hone_tuning *tuning, const char *device,
                                             const char *op, const char *dtypes,
                                             const char *shapes) {
    for (size_t i = 0; i < tuning->count; i++) {
        struct hone_tuning_record *r = &tuning->records[i];
        if (strcmp(r->op, op) == 0 && strcmp(r->shapes, shapes) == 0 &&
            strcmp(r->dtypes, dtypes) == 0 && strcmp(r->device, device) == 0)
            return r;
    }
    return NULL;
}

// "NAME|*" of "NAME|DRIVER".
static void any_driver(const char *device, char text[HONE_TUNING_DEVICE]) {
    const char *bar = strrchr(device, '|');
    int length = bar ? (int)(bar - device) : (int)strlen(device);
    snprintf(text, HONE_TUNING_DEVICE, "%.*s|*", length, device);
}

const struct hone_tuning_record *hone_tuning_find(const struct hone_tuning *tuning,
                                                  const char *device, const char *op,
                                                  const char *dtypes, const char *shapes) {
    char any[HONE_TUNING_DEVICE];
    const struct hone_tuning_record *record = find_exact(tuning, device, op, dtypes, shapes);
    if (record) return record;
    any_driver(device, any);
    return find_exact(tuning, any, op, dtypes, shapes);
}

hone_status hone_tuning_add(struct hone_tuning *tuning, const struct hone_tuning_record *record) {
    struct hone_tuning_record *place =
        find_exact(tuning, record->device, record->op, record->dtypes, record->shapes);
    const char *const from[] = {record->device, record->op,  record->dtypes,
                                record->shapes, record->row, record->tile};
    char *copy[6];
    for (int i = 0; i < 6; i++) {
        copy[i] = hone_arena_strdup(&tuning->arena, from[i]);
        if (!copy[i]) return HONE_OUT_OF_MEMORY;
    }
    if (!place) {
        if (!hone_grow(&tuning->records, &tuning->capacity, tuning->count + 1,
                       sizeof *tuning->records, "tuning records"))
            return HONE_OUT_OF_MEMORY;
        place = &tuning->records[tuning->count++];
    }
    *place = (struct hone_tuning_record){copy[0], copy[1], copy[2],   copy[3],
                                         copy[4], copy[5], record->us};
    return HONE_OK;
}

// Cuts the line at its tabs. False unless it has seven fields, none empty, a bar in the device, and
// a time.
static bool parse_line(char *line, struct hone_tuning_record *out) {
    char *field[TUNING_FIELDS];
    int count = 0;
    for (char *at = line; at && count < TUNING_FIELDS; count++) {
        field[count] = at;
        at = strchr(at, '\t');
        if (!at) continue;
        if (count == TUNING_FIELDS - 1) return false;
        *at++ = '\0';
    }
    if (count != TUNING_FIELDS || !strchr(field[0], '|')) return false;
    for (int i = 0; i < count; i++)
        if (!*field[i]) return false;
    *out =
        (struct hone_tuning_record){field[0], field[1], field[2], field[3], field[4], field[5], 0};
    return hone_parse_f64(field[6], 0, 1e12, &out->us) == HONE_OK;
}

hone_status hone_tuning_parse(struct hone_tuning *tuning, const char *text, const char *source,
                              size_t *ignored) {
    size_t number = 0, bad = 0;
    hone_status status = HONE_OK;
    while (*text && status == HONE_OK) {
        size_t length = strcspn(text, "\n");
        char line[HONE_TUNING_DEVICE + HONE_TUNING_SHAPES + 512];
        struct hone_tuning_record record;
        number++;
        bool fits = length < sizeof line;
        if (fits) {
            memcpy(line, text, length);
            line[length] = '\0';
        }
        if (length && *text != '#') {
            if (fits && strlen(line) == length && parse_line(line, &record)) {
                status = hone_tuning_add(tuning, &record);
            } else {
                bad++;
                hone_log(HONE_LOG_WARNING, "%s:%zu: no tuning record; the line is ignored", source,
                         number);
            }
        }
        text += length + (text[length] == '\n');
    }
    if (ignored) *ignored = bad;
    return status;
}

static hone_status print_record(const struct hone_tuning_record *r, struct hone_text *text) {
    return hone_text_printf(text, "%s\t%s\t%s\t%s\t%s\t%s\t%.1f\n", r->device, r->op, r->dtypes,
                            r->shapes, r->row, r->tile, r->us);
}

hone_status hone_tuning_print(const struct hone_tuning *tuning, struct hone_text *text) {
    for (size_t i = 0; i < tuning->count; i++) HONE_TRY(print_record(&tuning->records[i], text));
    return text->status;
}

size_t hone_tuning_count(const struct hone_tuning *tuning) {
    return tuning->count;
}

const struct hone_tuning_record *hone_tuning_get(const struct hone_tuning *tuning, size_t index) {
    return index < tuning->count ? &tuning->records[index] : NULL;
}

// FNV-1a (Fowler, Noll, Vo), 64 bits.
static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u; // between fields
}

bool hone_tuning_holds(const struct hone_tuning_record *record, const char *device) {
    char any[HONE_TUNING_DEVICE];
    any_driver(device, any);
    return strcmp(record->device, device) == 0 || strcmp(record->device, any) == 0;
}

// A sum over records: their order does not matter, their times do not decide.
uint64_t hone_tuning_hash(const struct hone_tuning *tuning, const char *device) {
    uint64_t sum = 0;
    for (size_t i = 0; i < tuning->count; i++) {
        const struct hone_tuning_record *r = &tuning->records[i];
        if (!hone_tuning_holds(r, device)) continue;
        const char *const fields[] = {r->device, r->op, r->dtypes, r->shapes, r->row, r->tile};
        uint64_t hash = 0xcbf29ce484222325u;
        for (int k = 0; k < 6; k++) hash = hash_text(hash, fields[k]);
        sum += hash;
    }
    return sum;
}

// Names of drivers hold no tabs; a bar would be taken for the one between name and driver.
const char *hone_tuning_device(const struct hone_caps *caps, char text[HONE_TUNING_DEVICE]) {
    snprintf(text, HONE_TUNING_DEVICE, "%s|%s", caps->name, caps->driver);
    bool bar = false;
    for (size_t i = strlen(text); i-- > 0;) {
        if ((unsigned char)text[i] < ' ') text[i] = ' ';
        if (text[i] != '|') continue;
        if (bar || i > strlen(caps->name)) text[i] = '/';
        bar = bar || i == strlen(caps->name);
    }
    return text;
}

static int print_dims(char *text, size_t room, const struct hone_desc *desc) {
    if (desc->rank < 0) return snprintf(text, room, "-");
    if (desc->rank == 0) return snprintf(text, room, "1");
    int at = 0;
    for (int i = 0; i < desc->rank; i++)
        at += snprintf(text + at, room - (size_t)at, i ? "x%d" : "%d", (int)desc->dim[i]);
    return at;
}

static int print_field(char *text, size_t room, const struct hone_field *field,
                       const unsigned char *attrs) {
    int at = 0;
    for (int i = 0; i < field->count; i++) {
        const unsigned char *from = attrs + field->offset + 4 * (size_t)i;
        const char *comma = i ? "," : "";
        if (field->type == HONE_FIELD_I32) {
            int32_t value;
            memcpy(&value, from, sizeof value);
            at += snprintf(text + at, room - (size_t)at, "%s%d", comma, (int)value);
        } else {
            float value;
            memcpy(&value, from, sizeof value);
            at += snprintf(text + at, room - (size_t)at, "%s%.9g", comma, (double)value);
        }
    }
    return at;
}

bool hone_tuning_key(const struct hone_op *op, const struct hone_infer_args *args,
                     char dtypes[HONE_TUNING_DTYPES], char shapes[HONE_TUNING_SHAPES]) {
    enum { PART = 64 }; // bytes that one input or attribute may need
    int d = 0, s = 0;
    *dtypes = *shapes = '\0';
    for (int i = 0; i < args->input_count; i++) {
        if (d + 8 > HONE_TUNING_DTYPES || s + PART > HONE_TUNING_SHAPES) return false;
        bool absent = args->in[i].rank < 0;
        d += snprintf(dtypes + d, (size_t)(HONE_TUNING_DTYPES - d), "%s%s", i ? "," : "",
                      absent ? "-" : hone_dtype_name(args->in[i].dtype));
        if (i) shapes[s++] = ',';
        s += print_dims(shapes + s, (size_t)(HONE_TUNING_SHAPES - s), &args->in[i]);
    }
    for (int i = 0; i < op->field_count; i++) {
        if (s + PART > HONE_TUNING_SHAPES || op->fields[i].count > 5) return false;
        shapes[s++] = ' ';
        s += print_field(shapes + s, (size_t)(HONE_TUNING_SHAPES - s), &op->fields[i], args->attrs);
    }
    return d > 0; // an op without inputs has nothing to key on
}
