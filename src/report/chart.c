// chart.c: see chart.h. Colours are classes of the page's style sheet (l0, l1, ...), so that they
// follow its light and dark theme.
#include "report/chart.h"

#include <math.h>

#include "report/html.h"

enum { WIDTH = 460, HEIGHT = 250, LEFT = 52, RIGHT = 14, TOP = 34, BOTTOM = 30, POINTS_MOST = 400 };

struct frame {
    double x_lo, x_hi, y_lo, y_hi;
};

static double place_x(const struct frame *f, double x) {
    return LEFT + (x - f->x_lo) / (f->x_hi - f->x_lo) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct frame *f, double y) {
    return HEIGHT - BOTTOM - (y - f->y_lo) / (f->y_hi - f->y_lo) * (HEIGHT - TOP - BOTTOM);
}

// The step of about five ticks: 1, 2 or 5 times a power of ten.
static double tick_step(double range) {
    double rough = range / 5, power = pow(10, floor(log10(rough)));
    double lead = rough / power;
    return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

static bool line_any(const struct hone_chart *chart, int k) {
    for (size_t i = 0; i < chart->count; i++)
        if (isfinite(chart->line[k].y[i])) return true;
    return false;
}

static struct frame chart_frame(const struct hone_chart *chart) {
    struct frame f = {chart->x[0], chart->x[chart->count - 1], 0, chart->share ? 1 : 0};
    for (int k = 0; k < chart->line_count && !chart->share; k++)
        for (size_t i = 0; i < chart->count; i++)
            if (isfinite(chart->line[k].y[i])) f.y_hi = fmax(f.y_hi, chart->line[k].y[i]);
    if (!(f.y_hi > 0)) f.y_hi = 1;
    if (!chart->share) f.y_hi *= 1.04;
    if (f.x_hi <= f.x_lo) { // one point stands in the middle
        f.x_lo -= 1;
        f.x_hi += 1;
    }
    return f;
}

static void draw_axes(struct hone_text *out, const struct frame *f) {
    double y_step = tick_step(f->y_hi - f->y_lo), x_step = fmax(1, tick_step(f->x_hi - f->x_lo));
    for (double y = 0; y <= f->y_hi * 1.0001; y += y_step)
        hone_text_printf(out,
                         "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"ty\" x=\"%d\" "
                         "y=\"%.1f\">%.3g</text>",
                         LEFT, place_y(f, y), WIDTH - RIGHT, LEFT - 6, place_y(f, y) + 4, y);
    for (double x = ceil(f->x_lo / x_step) * x_step; x <= f->x_hi; x += x_step)
        hone_text_printf(out, "<text class=\"tx\" x=\"%.1f\" y=\"%d\">%.6g</text>", place_x(f, x),
                         HEIGHT - BOTTOM + 16, x);
}

// A gap where a number is missing begins a new stroke.
static void draw_line(struct hone_text *out, const struct hone_chart *chart, const struct frame *f,
                      int k, int colour) {
    size_t stride = (chart->count + POINTS_MOST - 1) / POINTS_MOST;
    bool down = false;
    hone_text_printf(out, "<path class=\"line l%d\" d=\"", colour);
    for (size_t i = 0; i < chart->count; i += stride) {
        size_t at = i + stride >= chart->count ? chart->count - 1 : i;
        double y = chart->line[k].y[at];
        if (isfinite(y)) {
            double px = place_x(f, chart->x[at]), py = place_y(f, y);
            hone_text_printf(out, "%c%.1f %.1f", down ? 'L' : 'M', px, py);
            if (!down) hone_text_printf(out, "h.01"); // a lone point shows as a dot
        }
        down = isfinite(y);
    }
    hone_text_printf(out, "\"/>");
}

void hone_chart_svg(struct hone_text *out, const struct hone_chart *chart) {
    bool any = false;
    for (int k = 0; k < chart->line_count; k++) any = any || line_any(chart, k);
    if (!any) return;
    struct frame f = chart_frame(chart);
    hone_text_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>", WIDTH, HEIGHT);
    hone_html_text(out, chart->title);
    hone_text_printf(out, "</title>");
    draw_axes(out, &f);
    if (chart->mark >= f.x_lo && chart->mark <= f.x_hi)
        hone_text_printf(out, "<path class=\"mark\" d=\"M%.1f %dV%d\"/>", place_x(&f, chart->mark),
                         TOP, HEIGHT - BOTTOM);
    hone_text_printf(out, "<text class=\"title\" x=\"%d\" y=\"18\">", LEFT);
    hone_html_text(out, chart->title);
    for (int k = 0, colour = 0; k < chart->line_count; k++) {
        if (!line_any(chart, k)) continue;
        hone_text_printf(out, "<tspan class=\"l%d\" dx=\"12\">", colour++);
        hone_html_text(out, chart->line[k].name);
        hone_text_printf(out, "</tspan>");
    }
    hone_text_printf(out, "</text>");
    for (int k = 0, colour = 0; k < chart->line_count; k++)
        if (line_any(chart, k)) draw_line(out, chart, &f, k, colour++);
    hone_text_printf(out, "</svg>\n");
}
