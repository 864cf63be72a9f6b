// test_photos: `hone predict` with two real nets as they are, on real photographs: the same first
// class as PyTorch, and its five best probabilities within the tolerance that goes with them; and
// with a ResNet-20 of CIFAR-10 on five of them. Skipped where the shared data or a device is
// absent.
#include "support/command.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// As expected.json says: "PNG, BMP: 1e-3 in probability; JPEG (decoders differ): 2e-2".
static const double tolerance_exact = 1e-3, tolerance_jpeg = 2e-2;

static struct command_result r;

static int tear_down(void **state) {
    (void)state;
    command_deinit(&r);
    return 0;
}

// The entry of predict's array whose path ends in `name`.
static const json_t *find_answer(const json_t *answers, const char *name) {
    size_t i;
    const json_t *answer;
    json_array_foreach(answers, i, answer) {
        const char *path = json_string_value(json_object_get(answer, "path"));
        const char *base = path ? strrchr(path, '/') : NULL;
        if (base && strcmp(base + 1, name) == 0) return json_object_get(answer, "classes");
    }
    fail_msg("no answer for %s", name);
    return NULL;
}

static double probability_of(const json_t *classes, json_int_t index) {
    size_t i;
    const json_t *row;
    json_array_foreach(classes, i, row) {
        if (json_integer_value(json_object_get(row, "index")) == index)
            return json_real_value(json_object_get(row, "probability"));
    }
    return 0; // not among the 100 most probable
}

// Returns the largest difference of a photograph.
static double check_photo(const char *net, const char *photo, const json_t *want,
                          const json_t *classes) {
    double tolerance = strstr(photo, ".jpg") ? tolerance_jpeg : tolerance_exact, most = 0;
    json_int_t first = json_integer_value(json_object_get(json_array_get(want, 0), "index"));
    json_int_t got = json_integer_value(json_object_get(json_array_get(classes, 0), "index"));
    if (got != first) fail_msg("%s, %s: class %d, not %d", net, photo, (int)got, (int)first);
    assert_int_equal(json_array_size(want), 5);
    for (size_t k = 0; k < 5; k++) {
        const json_t *row = json_array_get(want, k);
        json_int_t index = json_integer_value(json_object_get(row, "index"));
        double p = json_number_value(json_object_get(row, "p"));
        double off = fabs(probability_of(classes, index) - p);
        if (off > tolerance)
            fail_msg("%s, %s: class %d is off by %.2e", net, photo, (int)index, off);
        if (off > most) most = off;
    }
    return most;
}

static void check_net(const char *shared, const json_t *photos, const char *net,
                      const char *preprocess) {
    char model[600], folder[600];
    double exact = 0, jpeg = 0;
    snprintf(model, sizeof model, "%s/data/weights/%s.onnx", shared, net);
    snprintf(folder, sizeof folder, "%s/data/photos", shared);
    command_hone(NULL, &r, "predict", model, folder, "--json", "--top", "100", "--preprocess",
                 preprocess);
    command_expect_success(&r);
    json_t *answers = json_loads(r.out, 0, NULL);
    assert_int_equal(json_array_size(answers), json_object_size(photos));
    for (void *at = json_object_iter((json_t *)photos); at;
         at = json_object_iter_next((json_t *)photos, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *want = json_object_get(json_object_iter_value(at), net);
        double off = check_photo(net, name, want, find_answer(answers, name));
        double *most = strstr(name, ".jpg") ? &jpeg : &exact;
        if (off > *most) *most = off;
    }
    printf("%s: %zu photographs, largest difference %.1e (PNG, BMP), %.1e (JPEG)\n", net,
           json_object_size(photos), exact, jpeg);
    json_decref(answers);
}

static void test_photos(void **state) {
    (void)state;
    char path[600];
    const char *shared = test_shared_dir();
    if (!shared) skip();
    command_hone(NULL, &r, "devices");
    if (r.code != 0) {
        fprintf(stderr, "skipped: %s", r.err);
        skip();
    }
    snprintf(path, sizeof path, "%s/data/photos/expected.json", shared);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    const json_t *photos = json_object_get(root, "photos");
    assert_int_equal(json_object_size(photos), 11);
    check_net(shared, photos, "squeezenet1_1", "imagenet");
    check_net(shared, photos, "mobilenetv2_tf", "tf");
    json_decref(root);
}

// A checkpoint of CIFAR-10, whose graph is found by the names of its tensors, on what these classes
// are of.
static void test_cifar(void **state) {
    (void)state;
    static const struct {
        const char *photo;
        json_int_t index; // airplane automobile bird cat deer dog frog horse ship truck
    } rows[] = {
        {"bird.bmp", 2}, {"cat.bmp", 3}, {"cat_720p.jpg", 3}, {"dog.jpg", 5}, {"parrot.jpg", 2}};
    char model[600], folder[600];
    const char *shared = test_shared_dir();
    if (!shared) skip();
    snprintf(model, sizeof model, "%s/data/weights/resnet20_cifar10.th", shared);
    snprintf(folder, sizeof folder, "%s/data/photos", shared);
    command_hone(NULL, &r, "predict", model, folder, "--json", "--device", "ref");
    command_expect_success(&r);
    json_t *answers = json_loads(r.out, 0, NULL);
    assert_non_null(answers);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *best = json_array_get(find_answer(answers, rows[i].photo), 0);
        json_int_t index = json_integer_value(json_object_get(best, "index"));
        if (index != rows[i].index)
            fail_msg("%s: class %d, not %d", rows[i].photo, (int)index, (int)rows[i].index);
    }
    json_decref(answers);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_photos, tear_down),
                                       cmocka_unit_test_teardown(test_cifar, tear_down)};
    return cmocka_run_group_tests_name("golden photos", tests, NULL, NULL);
}
