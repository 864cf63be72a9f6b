// hone.h: all of hone. A fine-tune run, told in forty lines:
//
//   static void epoch(void *user, const struct hone_train_epoch *e) {
//       (void)user;
//       printf("epoch %d: loss %.3f, macro-F1 %.3f\n", e->epoch, e->train_loss, e->val_macro_f1);
//   }
//
//   int main(void) {
//       struct hone_data_params data;
//       hone_options_init(&hone_data_options, &data);
//       data.folder = "photos"; // photos/good/*.jpg, photos/scratch/*.jpg, ...
//
//       struct hone_train_params train;
//       hone_options_init(&hone_train_options, &train);
//       train.backbone = "mobilenetv2.onnx";
//       train.epochs = 8;
//
//       struct hone_train_result result = {0};
//       if (hone_train(&train, &data, &(struct hone_train_hooks){.epoch = epoch}, &result)) {
//           fprintf(stderr, "%s\n", hone_error_message());
//           return 1;
//       }
//       printf("%s: test accuracy %.3f\n", result.run_dir, result.test.accuracy);
//
//       // What a factory program does with the result; it may link hone_runtime alone.
//       char model[4096];
//       snprintf(model, sizeof model, "%s/model.onnx", result.run_dir);
//       hone_train_result_deinit(&result);
//       hone_session *session;
//       if (hone_session_create(model, NULL, &session)) {
//           fprintf(stderr, "%s\n", hone_error_message());
//           return 1;
//       }
//       float p[64]; // one a class
//       if (hone_session_classify_file(session, "part.jpg", p) == HONE_OK)
//           printf("%s %.3f\n", hone_session_class_name(session, 0), p[0]);
//       hone_session_destroy(&session);
//       return 0;
//   }
#ifndef HONE_HONE_H
#define HONE_HONE_H

#include <hone/base.h>
#include <hone/bench.h>
#include <hone/data.h>
#include <hone/doctor.h>
#include <hone/eval.h>
#include <hone/infer.h>
#include <hone/model.h>
#include <hone/options.h>
#include <hone/train.h>
#include <hone/version.h>

#endif
