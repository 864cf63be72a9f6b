// codec_pnm.c: PGM and PPM, plain (P2, P3) and binary (P5, P6). Machine-vision cameras write 10, 12
// and 16 bits this way, so samples are scaled from the file's own maximum; two-byte samples have
// the high byte first (Netpbm, pgm(5)).
#include "image/codec.h"

struct hone_pnm {
    const uint8_t *data;
    size_t bytes, at;
};

static bool hone_pnm_space(int c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// The next number, after spaces and comments; -1 when there is none or it is absurd.
static int64_t hone_pnm_number(struct hone_pnm *pnm) {
    for (; pnm->at < pnm->bytes; pnm->at++) {
        if (pnm->data[pnm->at] == '#') {
            while (pnm->at < pnm->bytes && pnm->data[pnm->at] != '\n') pnm->at++;
            if (pnm->at == pnm->bytes) return -1;
        } else if (!hone_pnm_space(pnm->data[pnm->at])) {
            break;
        }
    }
    int64_t value = -1;
    for (; pnm->at < pnm->bytes; pnm->at++) {
        int digit = pnm->data[pnm->at] - '0';
        if (digit < 0 || digit > 9) break;
        value = (value < 0 ? 0 : value) * 10 + digit;
        if (value > INT32_MAX) return -1;
    }
    return value;
}

static uint8_t hone_pnm_scale(int64_t sample, int64_t most) {
    if (sample > most) sample = most;
    return (uint8_t)((sample * 255 + most / 2) / most);
}

hone_status hone_codec_pnm(const uint8_t *data, size_t bytes, uint64_t pixels_max,
                           struct hone_image *out) {
    struct hone_pnm pnm = {.data = data, .bytes = bytes, .at = 2};
    bool binary = data[1] == '5' || data[1] == '6', grey = data[1] == '2' || data[1] == '5';
    int64_t width = hone_pnm_number(&pnm), height = hone_pnm_number(&pnm);
    int64_t most = hone_pnm_number(&pnm);
    if (most < 1 || most > 65535) return hone_fail(HONE_INVALID, "the header is damaged");
    HONE_TRY(hone_image_check_size(width, height, pixels_max));
    size_t samples = (size_t)width * (size_t)height * (grey ? 1 : 3);
    size_t sample_bytes = most > 255 ? 2 : 1;
    pnm.at++; // one space ends the header
    // A plain sample takes two characters at least, but for the last.
    size_t need = binary ? samples * sample_bytes : samples * 2 - 1;
    if (pnm.at > bytes || bytes - pnm.at < need)
        return hone_fail(HONE_INVALID, "the file is cut short");
    HONE_TRY(hone_image_create((int32_t)width, (int32_t)height, out));
    for (size_t i = 0; i < samples; i++) {
        int64_t sample;
        if (binary) {
            sample = data[pnm.at++];
            if (sample_bytes == 2) sample = sample << 8 | data[pnm.at++];
        } else {
            sample = hone_pnm_number(&pnm);
            if (sample < 0) return hone_fail(HONE_INVALID, "the file is cut short or damaged");
        }
        uint8_t value = hone_pnm_scale(sample, most);
        if (grey)
            out->pixels[i * 3] = out->pixels[i * 3 + 1] = out->pixels[i * 3 + 2] = value;
        else
            out->pixels[i] = value;
    }
    return HONE_OK;
}
