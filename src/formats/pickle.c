// pickle.c: the stack machine. Each opcode is a row of a table: how its argument is written and
// what it does to the stack; what a weight file never has is not in the table.
#include "formats/pickle.h"

#include <string.h>

#include "base/text.h"

typedef struct hone_pickle_value value;

// The pickle of a net with ten thousand tensors takes 2 MiB. A value takes some 80 bytes where its
// opcode takes one, so that this bounds what a hostile file makes hone allocate.
enum { PICKLE_LIMIT_BYTES = 4 << 20 };

struct machine {
    const uint8_t *data;
    size_t bytes, at;
    hone_pickle_allow *allow;
    struct hone_arena *arena;
    value **stack;
    size_t depth, stack_capacity;
    value **memo;
    size_t memo_count, memo_capacity; // count: entries put, for MEMOIZE
    struct hone_pickle *out;
};

// ---- Reading bytes --------------------------------------------------------------------------

static hone_status cut_short(void) {
    return hone_fail(HONE_INVALID, "the pickle is damaged or cut short");
}

static hone_status take(struct machine *m, uint64_t bytes, const uint8_t **out) {
    if (bytes > m->bytes - m->at) {
        if (m->bytes < PICKLE_LIMIT_BYTES) return cut_short();
        return hone_fail(HONE_UNSUPPORTED, "the pickle is longer than %d MiB",
                         PICKLE_LIMIT_BYTES >> 20);
    }
    *out = m->data + m->at;
    m->at += (size_t)bytes;
    return HONE_OK;
}

static uint64_t little(const uint8_t *bytes, size_t count) {
    uint64_t number = 0;
    for (size_t i = 0; i < count && i < 8; i++) number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

static hone_status take_number(struct machine *m, size_t bytes, uint64_t *out) {
    const uint8_t *at;
    HONE_TRY(take(m, bytes, &at));
    *out = little(at, bytes);
    return HONE_OK;
}

// The bytes up to the end of the line, which is passed.
static hone_status take_line(struct machine *m, const uint8_t **line, size_t *length) {
    const uint8_t *start = m->data + m->at;
    const uint8_t *end = memchr(start, '\n', m->bytes - m->at);
    if (!end) return cut_short();
    *line = start;
    *length = (size_t)(end - start);
    m->at += *length + 1;
    return HONE_OK;
}

// ---- Values and the stack -------------------------------------------------------------------

static value *make(struct machine *m, enum hone_pickle_kind kind) {
    value *v = hone_arena_alloc(m->arena, 1, sizeof *v);
    if (v) v->kind = kind;
    return v;
}

static hone_status push(struct machine *m, value *v) {
    if (!v) return HONE_OUT_OF_MEMORY;
    if (!hone_grow(&m->stack, &m->stack_capacity, m->depth + 1, sizeof *m->stack, "a pickle"))
        return HONE_OUT_OF_MEMORY;
    m->stack[m->depth++] = v;
    return HONE_OK;
}

static hone_status pop(struct machine *m, value **out) {
    if (m->depth == 0 || m->stack[m->depth - 1]->kind == HONE_PICKLE_MARK) return cut_short();
    *out = m->stack[--m->depth];
    return HONE_OK;
}

static hone_status push_text(struct machine *m, const uint8_t *text, size_t length) {
    value *v = make(m, HONE_PICKLE_TEXT);
    char *copy = hone_arena_alloc(m->arena, length + 1, 1);
    if (!v || !copy) return HONE_OUT_OF_MEMORY;
    memcpy(copy, text, length);
    v->text = copy;
    v->length = length;
    return push(m, v);
}

static hone_status push_int(struct machine *m, int64_t number) {
    value *v = make(m, HONE_PICKLE_INT);
    if (v) v->i = number;
    return push(m, v);
}

// A growing array in the arena.
static hone_status append(struct machine *m, value ***items, size_t *count, size_t *capacity,
                          value *item) {
    if (*count == *capacity) {
        size_t grown = *capacity ? 2 * *capacity : 4;
        value **copy = hone_arena_alloc(m->arena, grown, sizeof *copy);
        if (!copy) return HONE_OUT_OF_MEMORY;
        if (*count) memcpy(copy, *items, *count * sizeof *copy);
        *items = copy;
        *capacity = grown;
    }
    (*items)[(*count)++] = item;
    return HONE_OK;
}

static hone_status append_item(struct machine *m, value *to, value *item) {
    return append(m, &to->items, &to->count, &to->capacity, item);
}

// Index of the topmost mark.
static hone_status find_mark(const struct machine *m, size_t *out) {
    for (size_t i = m->depth; i-- > 0;)
        if (m->stack[i]->kind == HONE_PICKLE_MARK) {
            *out = i;
            return HONE_OK;
        }
    return cut_short();
}

// A value that holds stack[first, depth), which leave the stack.
static hone_status gather(struct machine *m, enum hone_pickle_kind kind, size_t first,
                          value **out) {
    value *v = make(m, kind);
    if (!v) return HONE_OUT_OF_MEMORY;
    for (size_t i = first; i < m->depth; i++) {
        if (m->stack[i]->kind == HONE_PICKLE_MARK) return cut_short();
        HONE_TRY(append_item(m, v, m->stack[i]));
    }
    m->depth = first;
    *out = v;
    return HONE_OK;
}

static hone_status gather_and_push(struct machine *m, enum hone_pickle_kind kind, size_t first) {
    value *v;
    HONE_TRY(gather(m, kind, first, &v));
    return push(m, v);
}

// ---- What the opcodes do --------------------------------------------------------------------

// Handlers take the argument that their row of the table holds.

static hone_status do_empty(struct machine *m, int kind) {
    return push(m, make(m, (enum hone_pickle_kind)kind));
}

static hone_status do_mark_to(struct machine *m, int kind) {
    size_t mark;
    HONE_TRY(find_mark(m, &mark));
    memmove(&m->stack[mark], &m->stack[mark + 1], (m->depth - mark - 1) * sizeof *m->stack);
    m->depth--;
    if (kind == HONE_PICKLE_DICT && (m->depth - mark) % 2) return cut_short();
    return gather_and_push(m, (enum hone_pickle_kind)kind, mark);
}

static hone_status do_tuple_of(struct machine *m, int count) {
    if (m->depth < (size_t)count) return cut_short();
    return gather_and_push(m, HONE_PICKLE_TUPLE, m->depth - (size_t)count);
}

// Items from `first` go into the list or dict below them.
static hone_status extend(struct machine *m, size_t first, size_t below,
                          enum hone_pickle_kind kind) {
    if (first > m->depth || below >= first) return cut_short();
    value *to = m->stack[below];
    bool pairs = kind == HONE_PICKLE_DICT;
    if (pairs && (m->depth - first) % 2) return cut_short();
    // What a call returns is not known here: items that are set on it are dropped.
    if (to->kind != kind && to->kind != HONE_PICKLE_CALL) return cut_short();
    for (size_t i = first; i < m->depth && to->kind == kind; i++)
        HONE_TRY(append_item(m, to, m->stack[i]));
    m->depth = below + 1;
    return HONE_OK;
}

static hone_status do_extend_marked(struct machine *m, int kind) {
    size_t mark;
    HONE_TRY(find_mark(m, &mark));
    if (mark == 0) return cut_short();
    return extend(m, mark + 1, mark - 1, (enum hone_pickle_kind)kind);
}

// One item, or one key with its value.
static hone_status do_extend(struct machine *m, int kind) {
    size_t count = kind == HONE_PICKLE_DICT ? 2 : 1;
    if (m->depth < count + 1) return cut_short();
    return extend(m, m->depth - count, m->depth - count - 1, (enum hone_pickle_kind)kind);
}

static hone_status push_global(struct machine *m, const uint8_t *module, size_t module_length,
                               const uint8_t *name, size_t name_length) {
    value *v = make(m, HONE_PICKLE_GLOBAL);
    char *text = hone_arena_alloc(m->arena, module_length + name_length + 2, 1);
    if (!v || !text) return HONE_OUT_OF_MEMORY;
    memcpy(text, module, module_length);
    memcpy(text + module_length + 1, name, name_length);
    if (!m->allow(text, text + module_length + 1))
        return hone_fail(
            HONE_UNSUPPORTED,
            "the file asks to run '%.100s.%.100s', which is code and not weights; hone "
            "runs nothing from a file: save model.state_dict() instead",
            text, text + module_length + 1);
    text[module_length] = ' ';
    v->text = text;
    v->length = module_length + name_length + 1;
    return push(m, v);
}

static hone_status do_global(struct machine *m, int unused) {
    (void)unused;
    const uint8_t *module, *name;
    size_t module_length, name_length;
    HONE_TRY(take_line(m, &module, &module_length));
    HONE_TRY(take_line(m, &name, &name_length));
    return push_global(m, module, module_length, name, name_length);
}

static hone_status do_stack_global(struct machine *m, int unused) {
    (void)unused;
    value *name, *module;
    HONE_TRY(pop(m, &name));
    HONE_TRY(pop(m, &module));
    if (name->kind != HONE_PICKLE_TEXT || module->kind != HONE_PICKLE_TEXT) return cut_short();
    return push_global(m, (const uint8_t *)module->text, module->length,
                       (const uint8_t *)name->text, name->length);
}

// OrderedDict() and OrderedDict([[key, value], ...]).
static hone_status make_dict(struct machine *m, const value *args, value *dict) {
    dict->kind = HONE_PICKLE_DICT;
    const value *pairs = hone_pickle_item(args, 0, HONE_PICKLE_LIST);
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        const value *pair = pairs->items[i];
        if ((pair->kind != HONE_PICKLE_LIST && pair->kind != HONE_PICKLE_TUPLE) || pair->count != 2)
            return cut_short();
        HONE_TRY(append_item(m, dict, pair->items[0]));
        HONE_TRY(append_item(m, dict, pair->items[1]));
    }
    return HONE_OK;
}

static hone_status do_call(struct machine *m, int unused) {
    (void)unused;
    value *args, *callee, *v = make(m, HONE_PICKLE_CALL);
    if (!v) return HONE_OUT_OF_MEMORY;
    HONE_TRY(pop(m, &args));
    HONE_TRY(pop(m, &callee));
    if (callee->kind != HONE_PICKLE_GLOBAL || args->kind != HONE_PICKLE_TUPLE) return cut_short();
    if (hone_pickle_is(callee, "collections OrderedDict")) HONE_TRY(make_dict(m, args, v));
    v->callee = callee;
    v->args = args;
    return push(m, v);
}

// State that is set on an object: a dict's attributes, a parameter's hooks. Nothing that hone
// needs.
static hone_status do_build(struct machine *m, int unused) {
    (void)unused;
    value *state;
    HONE_TRY(pop(m, &state));
    return m->depth ? HONE_OK : cut_short();
}

static hone_status do_persistent(struct machine *m, int unused) {
    (void)unused;
    value *id, *v = make(m, HONE_PICKLE_STORED);
    if (!v) return HONE_OUT_OF_MEMORY;
    HONE_TRY(pop(m, &id));
    v->args = id;
    HONE_TRY(append(m, &m->out->stored, &m->out->stored_count, &m->out->stored_capacity, v));
    return push(m, v);
}

// A decimal line of the text protocol; long integers end in L.
static hone_status take_decimal(struct machine *m, int64_t *out) {
    const uint8_t *line;
    size_t length;
    char digits[24];
    HONE_TRY(take_line(m, &line, &length));
    if (length && line[length - 1] == 'L') length--;
    if (length == 0 || length >= sizeof digits) return cut_short();
    memcpy(digits, line, length);
    digits[length] = '\0';
    return hone_parse_i64(digits, INT64_MIN, INT64_MAX, out) == HONE_OK ? HONE_OK : cut_short();
}

// A stream of n bytes cannot put an n-th memo, so that the table stays within the stream's size.
static hone_status put(struct machine *m, uint64_t index) {
    if (m->depth == 0 || index >= m->bytes) return cut_short();
    if (!hone_grow(&m->memo, &m->memo_capacity, (size_t)index + 1, sizeof *m->memo, "a pickle"))
        return HONE_OUT_OF_MEMORY;
    m->memo[index] = m->stack[m->depth - 1];
    m->memo_count++;
    return HONE_OK;
}

// A memo's index: so many bytes, a line (0), or the number of memos so far (-1).
static hone_status take_index(struct machine *m, int bytes, uint64_t *out) {
    int64_t number = (int64_t)m->memo_count;
    if (bytes > 0) return take_number(m, (size_t)bytes, out);
    if (bytes == 0) HONE_TRY(take_decimal(m, &number));
    *out = (uint64_t)number;
    return HONE_OK;
}

static hone_status do_put(struct machine *m, int bytes) {
    uint64_t index;
    HONE_TRY(take_index(m, bytes, &index));
    return put(m, index);
}

static hone_status do_get(struct machine *m, int bytes) {
    uint64_t index;
    HONE_TRY(take_index(m, bytes, &index));
    if (index >= m->memo_capacity || !m->memo[index]) return cut_short();
    return push(m, m->memo[index]);
}

// Two's complement of any length; what does not fit 64 bits keeps its low bits (no weight needs
// it).
static hone_status do_long(struct machine *m, int length_bytes) {
    uint64_t length;
    const uint8_t *at;
    HONE_TRY(take_number(m, (size_t)length_bytes, &length));
    HONE_TRY(take(m, length, &at));
    uint64_t number = little(at, (size_t)length);
    if (length > 0 && length < 8 && at[length - 1] & 0x80) number |= ~0ull << (8 * length);
    return push_int(m, (int64_t)number);
}

static hone_status do_float(struct machine *m, int unused) {
    (void)unused;
    const uint8_t *at;
    HONE_TRY(take(m, 8, &at));
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | at[i]; // the one big-endian field
    value *v = make(m, HONE_PICKLE_FLOAT);
    if (v) memcpy(&v->f, &bits, sizeof bits);
    return push(m, v);
}

// Fixed width; four bytes have a sign.
static hone_status do_int(struct machine *m, int bytes) {
    uint64_t number;
    HONE_TRY(take_number(m, (size_t)bytes, &number));
    return push_int(m, bytes == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

// "I01" and "I00" are truths in the text protocol; as numbers they do as well.
static hone_status do_line_int(struct machine *m, int unused) {
    (void)unused;
    int64_t number;
    HONE_TRY(take_decimal(m, &number));
    return push_int(m, number);
}

static hone_status do_bool(struct machine *m, int truth) {
    value *v = make(m, HONE_PICKLE_BOOL);
    if (v) v->i = truth;
    return push(m, v);
}

static hone_status do_text(struct machine *m, int length_bytes) {
    uint64_t length;
    const uint8_t *at;
    HONE_TRY(take_number(m, (size_t)length_bytes, &length));
    HONE_TRY(take(m, length, &at));
    return push_text(m, at, (size_t)length);
}

static hone_status do_line_text(struct machine *m, int unused) {
    (void)unused;
    const uint8_t *line;
    size_t length;
    HONE_TRY(take_line(m, &line, &length));
    return push_text(m, line, length);
}

static hone_status do_pop(struct machine *m, int unused) {
    (void)unused;
    if (m->depth == 0) return cut_short();
    m->depth--;
    return HONE_OK;
}

static hone_status do_pop_mark(struct machine *m, int unused) {
    (void)unused;
    return find_mark(m, &m->depth);
}

static hone_status do_stop(struct machine *m, int unused) {
    (void)unused;
    value *root;
    HONE_TRY(pop(m, &root));
    m->out->root = root;
    return HONE_OK;
}

static hone_status do_skip(struct machine *m, int bytes) {
    const uint8_t *at;
    return take(m, (uint64_t)bytes, &at);
}

static hone_status do_again(struct machine *m, int unused) {
    (void)unused;
    if (m->depth == 0) return cut_short();
    return push(m, m->stack[m->depth - 1]);
}

// ---- The table ------------------------------------------------------------------------------

struct opcode {
    hone_status (*run)(struct machine *m, int arg);
    int arg;
};

// clang-format off
static const struct opcode opcodes[256] = {
    [0x80] = {do_skip, 1},                     // PROTO version
    [0x95] = {do_skip, 8},                     // FRAME length
    ['.'] = {do_stop, 0},                      // STOP
    ['('] = {do_empty, HONE_PICKLE_MARK},       // MARK
    ['0'] = {do_pop, 0},                       // POP
    ['1'] = {do_pop_mark, 0},                  // POP_MARK
    ['2'] = {do_again, 0},                     // DUP
    ['N'] = {do_empty, HONE_PICKLE_NONE},       // NONE
    [0x88] = {do_bool, 1},                     // NEWTRUE
    [0x89] = {do_bool, 0},                     // NEWFALSE
    ['I'] = {do_line_int, 0},                  // INT line
    ['L'] = {do_line_int, 0},                  // LONG line
    ['J'] = {do_int, 4},                       // BININT
    ['K'] = {do_int, 1},                       // BININT1
    ['M'] = {do_int, 2},                       // BININT2
    [0x8a] = {do_long, 1},                     // LONG1
    [0x8b] = {do_long, 4},                     // LONG4
    ['G'] = {do_float, 0},                     // BINFLOAT
    ['V'] = {do_line_text, 0},                 // UNICODE line
    ['S'] = {do_line_text, 0},                 // STRING line, with its quotes
    ['X'] = {do_text, 4},                      // BINUNICODE
    [0x8c] = {do_text, 1},                     // SHORT_BINUNICODE
    [0x8d] = {do_text, 8},                     // BINUNICODE8
    ['U'] = {do_text, 1},                      // SHORT_BINSTRING
    ['T'] = {do_text, 4},                      // BINSTRING
    ['C'] = {do_text, 1},                      // SHORT_BINBYTES
    ['B'] = {do_text, 4},                      // BINBYTES
    [0x8e] = {do_text, 8},                     // BINBYTES8
    [')'] = {do_tuple_of, 0},                  // EMPTY_TUPLE
    [0x85] = {do_tuple_of, 1},                 // TUPLE1
    [0x86] = {do_tuple_of, 2},                 // TUPLE2
    [0x87] = {do_tuple_of, 3},                 // TUPLE3
    ['t'] = {do_mark_to, HONE_PICKLE_TUPLE},   // TUPLE
    [']'] = {do_empty, HONE_PICKLE_LIST},       // EMPTY_LIST
    ['l'] = {do_mark_to, HONE_PICKLE_LIST},    // LIST
    ['a'] = {do_extend, HONE_PICKLE_LIST},     // APPEND
    ['e'] = {do_extend_marked, HONE_PICKLE_LIST}, // APPENDS
    [0x8f] = {do_empty, HONE_PICKLE_LIST},      // EMPTY_SET
    [0x90] = {do_extend_marked, HONE_PICKLE_LIST}, // ADDITEMS
    ['}'] = {do_empty, HONE_PICKLE_DICT},       // EMPTY_DICT
    ['d'] = {do_mark_to, HONE_PICKLE_DICT},    // DICT
    ['s'] = {do_extend, HONE_PICKLE_DICT},     // SETITEM
    ['u'] = {do_extend_marked, HONE_PICKLE_DICT}, // SETITEMS
    ['c'] = {do_global, 0},                    // GLOBAL module, name lines
    [0x93] = {do_stack_global, 0},             // STACK_GLOBAL
    ['R'] = {do_call, 0},                      // REDUCE
    [0x81] = {do_call, 0},                     // NEWOBJ
    ['b'] = {do_build, 0},                     // BUILD
    ['Q'] = {do_persistent, 0},                // BINPERSID
    ['p'] = {do_put, 0},                       // PUT line
    ['q'] = {do_put, 1},                       // BINPUT
    ['r'] = {do_put, 4},                       // LONG_BINPUT
    [0x94] = {do_put, -1},                     // MEMOIZE
    ['g'] = {do_get, 0},                       // GET line
    ['h'] = {do_get, 1},                       // BINGET
    ['j'] = {do_get, 4},                       // LONG_BINGET
};
// clang-format on

static hone_status run(struct machine *m) {
    while (!m->out->root) {
        const uint8_t *op;
        HONE_TRY(take(m, 1, &op));
        if (!opcodes[*op].run)
            return hone_fail(HONE_UNSUPPORTED,
                             "the pickle has opcode 0x%02x, which no weights need", *op);
        HONE_TRY(opcodes[*op].run(m, opcodes[*op].arg));
    }
    return HONE_OK;
}

hone_status hone_pickle_read(const uint8_t *data, size_t bytes, hone_pickle_allow *allow,
                             struct hone_arena *arena, struct hone_pickle *out) {
    *out = (struct hone_pickle){0};
    struct machine m = {.data = data, .bytes = bytes, .allow = allow, .arena = arena, .out = out};
    if (m.bytes > PICKLE_LIMIT_BYTES) m.bytes = PICKLE_LIMIT_BYTES;
    hone_status status = run(&m);
    hone_free(m.stack);
    hone_free(m.memo);
    out->used = m.at;
    return status;
}

// ---- Looking into the tree ------------------------------------------------------------------

const struct hone_pickle_value *hone_pickle_find(const struct hone_pickle_value *dict,
                                                 const char *key) {
    if (!dict || dict->kind != HONE_PICKLE_DICT) return NULL;
    for (size_t i = 0; i + 1 < dict->count; i += 2)
        if (dict->items[i]->kind == HONE_PICKLE_TEXT && strcmp(dict->items[i]->text, key) == 0)
            return dict->items[i + 1];
    return NULL;
}

const struct hone_pickle_value *hone_pickle_item(const struct hone_pickle_value *sequence,
                                                 size_t index, enum hone_pickle_kind kind) {
    if (!sequence || (sequence->kind != HONE_PICKLE_TUPLE && sequence->kind != HONE_PICKLE_LIST) ||
        index >= sequence->count || sequence->items[index]->kind != kind)
        return NULL;
    return sequence->items[index];
}

bool hone_pickle_is(const struct hone_pickle_value *v, const char *module_name) {
    if (v && v->kind == HONE_PICKLE_CALL) v = v->callee;
    return v && v->kind == HONE_PICKLE_GLOBAL && strcmp(v->text, module_name) == 0;
}
