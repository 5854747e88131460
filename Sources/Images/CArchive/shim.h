// The C libraries behind room Layers: what unpacks gzip, zstd, xz and bzip2 streams. Tar itself is read and written in
// Swift.
#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>
