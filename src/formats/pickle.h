// pickle.h: reads a Python pickle (protocols 0 to 5, what torch.save writes) into a tree of plain
// values. It builds tuples, lists, dicts, texts and numbers, and executes nothing: a call in the
// file becomes a value that says who was to be called with what. The caller names the globals that
// it understands; any other is refused by name. Source: CPython's Lib/pickletools.py (opcodes).
//
// Memory is bounded by a fixed multiple of the stream's length; values may be shared (a graph
// without a bound on its unfolded size): whoever walks it must not recurse without a limit.
#ifndef HONE_FORMATS_PICKLE_H
#define HONE_FORMATS_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/error.h"

enum hone_pickle_kind {
    HONE_PICKLE_NONE,
    HONE_PICKLE_BOOL,
    HONE_PICKLE_INT,
    HONE_PICKLE_FLOAT,
    HONE_PICKLE_TEXT,  // str or bytes
    HONE_PICKLE_TUPLE, // items
    HONE_PICKLE_LIST,  // items; a set, too
    HONE_PICKLE_DICT,  // items: key, value, key, value ...; collections.OrderedDict, too
    HONE_PICKLE_GLOBAL,
    HONE_PICKLE_CALL,   // callee (a global) with args (a tuple); what was built into it is dropped
    HONE_PICKLE_STORED, // persistent id: args says which
    HONE_PICKLE_MARK,   // inside the reader only
};

struct hone_pickle_value {
    enum hone_pickle_kind kind;
    int64_t i;        // BOOL, INT
    double f;         // FLOAT
    const char *text; // TEXT: zero-terminated copy. GLOBAL: "module name", as in the file
    size_t length;    // of text
    struct hone_pickle_value **items;
    size_t count, capacity; // of items
    struct hone_pickle_value *callee, *args;
};

// True when a global of this module and name may stand in the tree.
typedef bool hone_pickle_allow(const char *module, const char *name);

struct hone_pickle {
    const struct hone_pickle_value *root;
    struct hone_pickle_value **stored; // every STORED value, in the file's order
    size_t stored_count, stored_capacity;
    size_t used; // bytes of the stream
};

// Reads one pickle from the front of `data`; all of *out lives in `arena`. HONE_INVALID: damaged.
// HONE_UNSUPPORTED: "the file asks to run 'posix.system', ...", an opcode that no weight file has,
// or more than 4 MiB.
hone_status hone_pickle_read(const uint8_t *data, size_t bytes, hone_pickle_allow *allow,
                             struct hone_arena *arena, struct hone_pickle *out);

// The value of a text key, or NULL; also NULL where `dict` is none.
const struct hone_pickle_value *hone_pickle_find(const struct hone_pickle_value *dict,
                                                 const char *key);
// Item `index` of a tuple or list when it is of this kind, else NULL.
const struct hone_pickle_value *hone_pickle_item(const struct hone_pickle_value *sequence,
                                                 size_t index, enum hone_pickle_kind kind);
// True for the global "module name", or a call of it.
bool hone_pickle_is(const struct hone_pickle_value *value, const char *module_name);

#endif
