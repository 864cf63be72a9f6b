// winograd.glsl: Winograd's F(2x2,3x3) (Lavin, Gray 2016): a tile of 2x2 pixels is A' M A, M = (G w G') (B' x B)
// element by element: 4x4 positions, each of which is a matrix product over channels for all tiles.
// Tile t = (n TH + i) TW + j covers output rows 2 i, 2 i + 1 and columns 2 j, 2 j + 1; TH = ceil(P/2), TW = ceil(Q/2).
// Input gradients run as fprop of dy with the flipped filter: sizes in the push block are already exchanged.
#include "conv.glsl"

int tile_rows() { return (g.p + 1) / 2; }
int tile_columns() { return (g.q + 1) / 2; }
int tile_count() { return g.n * tile_rows() * tile_columns(); }
