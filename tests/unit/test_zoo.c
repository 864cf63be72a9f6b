// test_zoo: the built nets have as many parameters and multiply-adds as torchvision says of them,
// and PyTorch's names.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/zoo/zoo.h"

static bool has_param(const struct hone_model *model, const char *name) {
    for (size_t i = 0; i < model->param_count; i++)
        if (strcmp(model->params[i].name, name) == 0) return true;
    return false;
}

static void test_counts(void **state) {
    (void)state;
    const struct hone_zoo_net *net;
    int count = 0;
    for (; (net = hone_zoo_net(count)); count++) {
        struct hone_model *model;
        hone_model_info info;
        // Drawing takes long where there are many.
        uint64_t seed = net->parameters < 50000000;
        assert_ok(hone_zoo_model(net->name, net->size, seed, &model));
        hone_model_get_info(model, &info);
        if ((int64_t)info.trainable != net->parameters)
            fail_msg("%s: %lld parameters", net->name, (long long)info.trainable);
        // Published with three decimals.
        if (fabs((double)info.macs * 1e-9 - net->gmacs) > 0.0006)
            fail_msg("%s: %.4f GMAC, not %.3f", net->name, (double)info.macs * 1e-9, net->gmacs);
        bool headless = strstr(net->name, "dinov2");
        assert_int_equal(info.classes, headless ? 0 : net->size == 32 ? 10 : 1000);
        assert_string_equal(info.head, headless                          ? "none"
                                       : strstr(net->name, "squeezenet") ? "1x1 convolution"
                                                                         : "linear");
        assert_ok(hone_graph_verify(model->graph));
        hone_model_destroy(&model);
    }
    assert_true(count >= 4);
    assert_null(hone_zoo_net(-1));
}

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *net, *params[5];
    } cases[] = {
        {"resnet18",
         {"conv1.weight", "layer2.0.downsample.1.running_var", "layer4.1.bn2.bias", "fc.weight",
          "fc.bias"}},
        {"resnet50", {"layer1.0.conv3.weight", "layer3.5.bn3.running_mean", "bn1.weight"}},
        {"mobilenet_v2",
         {"features.1.conv.1.weight", "features.2.conv.2.weight", "features.18.1.running_mean",
          "classifier.1.bias"}},
        {"vit_b_32",
         {"class_token", "encoder.pos_embedding", "heads.head.weight",
          "encoder.layers.encoder_layer_11.self_attention.in_proj_bias",
          "encoder.layers.encoder_layer_0.mlp.3.weight"}},
        {"vit_small_patch14_dinov2",
         {"cls_token", "blocks.11.ls2.gamma", "blocks.0.attn.qkv.bias", "norm.weight",
          "patch_embed.proj.bias"}},
        {"efficientnet_b0",
         {"features.1.0.block.1.fc1.bias", "features.2.0.block.3.0.weight",
          "features.7.0.block.2.fc2.weight", "classifier.1.weight"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hone_model *model;
        assert_ok(hone_zoo_model(cases[i].net, 64, 0, &model));
        for (int k = 0; k < 5 && cases[i].params[k]; k++)
            if (!has_param(model, cases[i].params[k]))
                fail_msg("%s lacks %s", cases[i].net, cases[i].params[k]);
        hone_model_destroy(&model);
    }
}

static void test_weights(void **state) {
    (void)state;
    struct hone_model *a, *b, *c;
    assert_ok(hone_zoo_model("resnet18", 32, 7, &a));
    assert_ok(hone_zoo_model("resnet18", 64, 7, &b));
    assert_ok(hone_zoo_model("resnet18", 32, 8, &c));
    const struct hone_desc *desc = hone_graph_desc(a->graph, a->params[0].value);
    size_t count = (size_t)hone_desc_elements(desc);
    assert_int_equal(count, 64 * 7 * 7 * 3);
    assert_memory_equal(a->params[0].data, b->params[0].data, count * sizeof(float));
    assert_memory_not_equal(a->params[0].data, c->params[0].data, count * sizeof(float));
    double sum = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        sum += a->params[0].data[i];
        square += (double)a->params[0].data[i] * a->params[0].data[i];
    }
    double deviation = sqrt(2.0 / (64 * 49));
    assert_true(fabs(sum / (double)count) < 0.05 * deviation);
    assert_true(fabs(sqrt(square / (double)count) / deviation - 1) < 0.05);
    hone_model_destroy(&a);
    hone_model_destroy(&b);
    hone_model_destroy(&c);
}

static void test_unknown(void **state) {
    (void)state;
    struct hone_model *model;
    assert_int_equal(hone_zoo_model("resnet19", 224, 1, &model), HONE_NOT_FOUND);
    assert_null(model);
    assert_non_null(strstr(hone_error_message(), "resnet18, resnet34"));
}

// Weights written as safetensors find their net again, each tensor bit for bit; ONNX files are read
// again.
static void test_written(void **state) {
    (void)state;
    static const char *const nets[] = {"squeezenet1_1", "resnet20_cifar",
                                       "tf_mobilenetv3_small_100",
                                       "deit_tiny_distilled_patch16_224"};
    char folder[256], path[300], graph[300];
    test_temp_dir(folder);
    snprintf(path, sizeof path, "%s/net.safetensors", folder);
    snprintf(graph, sizeof graph, "%s/net.onnx", folder);
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct hone_model *made, *read;
        assert_ok(hone_zoo_model(nets[i], 64, 5, &made));
        assert_ok(hone_preprocess_parse("0.25,0.5", &made->preprocess));
        assert_ok(hone_model_save(made, path));
        assert_ok(hone_model_load(path, &(hone_model_load_params){.size = 64}, &read));
        assert_int_equal(read->param_count, made->param_count);
        assert_int_equal(read->graph->node_count, made->graph->node_count);
        for (size_t k = 0; k < made->param_count; k++) {
            const struct hone_param *a = &made->params[k], *b = &read->params[k];
            assert_string_equal(a->name, b->name);
            assert_memory_equal(a->data, b->data,
                                hone_desc_bytes(hone_graph_desc(made->graph, a->value)));
        }
        assert_memory_equal(made->preprocess.mean, read->preprocess.mean, sizeof(float[3]));
        assert_memory_equal(made->preprocess.std, read->preprocess.std, sizeof(float[3]));
        hone_model_destroy(&read);
        assert_ok(hone_model_save(made, graph));
        assert_ok(hone_model_load(graph, NULL, &read));
        assert_int_equal(read->class_count, made->class_count);
        hone_model_destroy(&made);
        hone_model_destroy(&read);
    }
    test_temp_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_weights), cmocka_unit_test(test_written),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
