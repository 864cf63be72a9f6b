// classify: what a factory program looks like, linked with hone_runtime alone: no training code, no
// data sets. Usage: classify MODEL PICTURE [DEVICE]; prints the class and its probability.
#include <stdio.h>
#include <stdlib.h>

#include <hone/infer.h>

int main(int argc, char **argv) {
    hone_session *session;
    hone_session_params params = {.struct_bytes = sizeof params,
                                  .device = argc > 3 ? argv[3] : NULL};
    if (argc < 3) {
        fprintf(stderr, "usage: classify MODEL PICTURE [DEVICE]\n");
        return 2;
    }
    if (hone_session_create(argv[1], &params, &session) != HONE_OK) {
        fprintf(stderr, "%s\n", hone_error_message());
        return 1;
    }
    int32_t count = hone_session_class_count(session), best = 0;
    float *p = malloc((size_t)count * sizeof *p);
    hone_status status = p ? hone_session_classify_file(session, argv[2], p) : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) {
        for (int32_t i = 1; i < count; i++)
            if (p[i] > p[best]) best = i;
        printf("%s %.6f\n", hone_session_class_name(session, best), p[best]);
    } else {
        fprintf(stderr, "%s\n", hone_error_message());
    }
    free(p);
    hone_session_destroy(&session);
    return status != HONE_OK;
}
