// codec_libjpeg.c: JPEG through libjpeg-turbo, with the settings of Pillow (its defaults: exact
// integer DCT, smooth chroma), so that pixels equal those that PyTorch users train on.
#include "image/codec.h"

#ifdef HONE_HAVE_LIBJPEG

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

// libjpeg reports errors by a call that must not return: it jumps back to the decode function. What
// is alive across the jump lives in this struct, never in registers.
struct hone_jpeg {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    jmp_buf back;
    hone_status status;
    struct hone_image image;
};

static void hone_jpeg_error(j_common_ptr common) {
    struct hone_jpeg *jpeg = common->client_data;
    char reason[JMSG_LENGTH_MAX];
    common->err->format_message(common, reason);
    jpeg->status = hone_fail(HONE_INVALID, "the picture is damaged (%s)", reason);
    longjmp(jpeg->back, 1);
}

// Warnings (stray bytes, a damaged block) are passed over, as Pillow does.
static void hone_jpeg_message(j_common_ptr common, int level) {
    (void)common;
    (void)level;
}

static hone_status hone_jpeg_rows(struct hone_jpeg *jpeg, uint64_t pixels_max) {
    struct jpeg_decompress_struct *info = &jpeg->info;
    jpeg_read_header(info, TRUE);
    if (info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK)
        return hone_fail(HONE_UNSUPPORTED, "CMYK");
    HONE_TRY(hone_image_check_size(info->image_width, info->image_height, pixels_max));
    HONE_TRY(
        hone_image_create((int32_t)info->image_width, (int32_t)info->image_height, &jpeg->image));
    info->out_color_space = JCS_RGB;
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        JSAMPROW row =
            jpeg->image.pixels + (size_t)info->output_scanline * (size_t)jpeg->image.width * 3;
        jpeg_read_scanlines(info, &row, 1);
    }
    return HONE_OK;
}

hone_status hone_codec_libjpeg(const uint8_t *data, size_t bytes, uint64_t pixels_max,
                               struct hone_image *out) {
    struct hone_jpeg jpeg = {.status = HONE_OK};
    jpeg.info.err = jpeg_std_error(&jpeg.errors);
    jpeg.errors.error_exit = hone_jpeg_error;
    jpeg.errors.emit_message = hone_jpeg_message;
    jpeg.info.client_data = &jpeg;
    if (setjmp(jpeg.back) == 0) {
        jpeg_create_decompress(&jpeg.info);
        jpeg_mem_src(&jpeg.info, data, (unsigned long)bytes);
        jpeg.status = hone_jpeg_rows(&jpeg, pixels_max);
    }
    jpeg_destroy_decompress(&jpeg.info);
    if (jpeg.status != HONE_OK) {
        hone_image_destroy(&jpeg.image);
        return jpeg.status;
    }
    *out = jpeg.image;
    return HONE_OK;
}

#else

hone_status hone_codec_libjpeg(const uint8_t *data, size_t bytes, uint64_t pixels_max,
                               struct hone_image *out) {
    (void)data;
    (void)bytes;
    (void)pixels_max;
    (void)out;
    return hone_fail(HONE_UNSUPPORTED, "built without libjpeg");
}

#endif
