// infer.h: the deployment API: a model file in, class probabilities out.
//
//   hone_session *session;
//   hone_session_create("model.onnx", NULL, &session);
//   float p[16];
//   hone_session_classify_file(session, "part.jpg", p);
//   hone_session_destroy(&session);
//
// A program that uses only this header links hone_runtime, which holds no training code.
// ABI-stable: handles are opaque, functions are only added, params structs state their size. A
// session belongs to one thread at a time; two sessions are independent.
#ifndef HONE_INFER_H
#define HONE_INFER_H

#include <stddef.h>
#include <stdint.h>

#include <hone/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hone_session hone_session;

typedef struct hone_session_params {
    size_t struct_bytes;   // sizeof(hone_session_params)
    const char *device;    // NULL: the best GPU; an index, a part of a name, a UUID, or "ref"
    const char *cache_dir; // of compiled pipelines; NULL: the user's cache folder
    const char *
        preprocess; // "imagenet", "tf", "none" or "MEAN,STD"; NULL: as the file says, else imagenet
    int32_t size;   // input height and width where the file leaves them open; 0: 224
    int32_t batch;  // pictures a submit, 1 to 1024; 0: 1
    int32_t validate; // not 0: Khronos validation layers
} hone_session_params;

// Opens the device, reads an ONNX model and compiles it. Blocks, up to seconds where the pipeline
// cache is cold. `params` may be NULL. HONE_NOT_FOUND: no such file or device. HONE_UNSUPPORTED
// names every operator that hone lacks. HONE_INVALID: not a classifier with one picture input and
// one output of scores.
hone_status hone_session_create(const char *model, const hone_session_params *params,
                                hone_session **out);
// NULL is fine; nulls the pointer.
void hone_session_destroy(hone_session **session);

int32_t hone_session_class_count(const hone_session *session);
// "class 7" where the file names none. NULL for an index out of range. Lives as long as the
// session.
const char *hone_session_class_name(const hone_session *session, int32_t index);
// Pixels that the network sees.
int32_t hone_session_width(const hone_session *session);
int32_t hone_session_height(const hone_session *session);
// Name of the device in use. Lives as long as the session.
const char *hone_session_device(const hone_session *session);

// One picture file: JPEG, PNG, BMP, TGA or PGM. probabilities: class_count floats that sum to 1.
// HONE_NOT_FOUND, HONE_IO or HONE_INVALID name the file. Blocks until the result is there.
hone_status hone_session_classify_file(hone_session *session, const char *path,
                                       float *probabilities);

// Many files, decoded on all cores. probabilities: count * class_count floats. A file that cannot
// be used leaves zeros there and its status in statuses[i] (the log gets a
// warning that names it); the call goes on. statuses may be NULL:
// then the first broken file ends the call with its failure.
hone_status hone_session_classify_files(hone_session *session, const char *const *paths,
                                        size_t count, float *probabilities, hone_status *statuses);

// A picture in memory: 8 bits a channel, rows top to bottom, 3 channels (R, G, B) or 1 (grey).
typedef struct hone_picture {
    const uint8_t *pixels;
    int32_t width, height, channels;
    size_t stride_bytes; // from row to row; 0: width * channels
} hone_picture;
hone_status hone_session_classify(hone_session *session, const hone_picture *pictures, size_t count,
                                  float *probabilities);

#ifdef __cplusplus
}
#endif
#endif
