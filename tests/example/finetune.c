// finetune: fine-tunes a backbone on a folder of photographs and asks the result about one of them.
//
//   finetune PHOTOGRAPHS BACKBONE RUN [DEVICE]
//   cc finetune.c -lhone ...: see tools/cmake/HoneTests.cmake, where the tests build it
#include <stdio.h>
#include <string.h>

#include <hone/hone.h>

static void on_note(void *user, const char *line) {
    (void)user;
    printf("%s\n", line);
}

static void on_epoch(void *user, const struct hone_train_epoch *e) {
    (void)user;
    printf("epoch %d of %d: loss %.3f, validation macro-F1 %.3f%s\n", (int)e->epoch, (int)e->epochs,
           e->train_loss, e->val_macro_f1, e->best ? ", the best so far" : "");
}

static int failed(void) {
    fprintf(stderr, "%s\n", hone_error_message());
    return 1;
}

// What a factory program does with the model; it may link hone_runtime alone.
static int ask(const char *model, const char *picture, const char *device) {
    hone_session *session;
    hone_session_params params = {.struct_bytes = sizeof params, .device = device};
    float p[256]; // one a class
    if (hone_session_create(model, &params, &session) != HONE_OK) return failed();
    hone_status status = hone_session_classify_file(session, picture, p);
    for (int32_t c = 0; status == HONE_OK && c < hone_session_class_count(session); c++)
        printf("%s: %s %.3f\n", picture, hone_session_class_name(session, c), p[c]);
    hone_session_destroy(&session);
    return status == HONE_OK ? 0 : failed();
}

int main(int argc, char **argv) {
    struct hone_data_params data;
    struct hone_train_params train;
    struct hone_train_hooks hooks = {.note = on_note, .epoch = on_epoch};
    struct hone_train_result result;
    hone_dataset *set;
    char model[4096];
    if (argc < 4) {
        fprintf(stderr, "usage: finetune PHOTOGRAPHS BACKBONE RUN [DEVICE]\n");
        return 2;
    }
    hone_options_init(&hone_data_options, &data);
    hone_options_init(&hone_train_options, &train);
    data.folder = argv[1];
    train.backbone = argv[2];
    train.out = argv[3];
    train.device = argc > 4 ? argv[4] : NULL; // NULL: the best GPU
    train.epochs = 4;
    train.augment = HONE_AUGMENT_SURFACE;
    if (hone_train(&train, &data, &hooks, &result) != HONE_OK) return failed();
    printf("%s/report.html: test accuracy %.3f, macro-F1 %.3f\n", result.run_dir,
           result.test.accuracy, result.test.macro_f1);
    snprintf(model, sizeof model, "%s/model.onnx", result.run_dir);
    hone_train_result_deinit(&result);

    if (hone_dataset_open(&data, &set) != HONE_OK) return failed();
    int code = ask(model, hone_dataset_item(set, HONE_PART_TEST, 0)->path, train.device);
    hone_dataset_close(&set);
    return code;
}
