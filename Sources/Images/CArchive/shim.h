// The C libraries behind room Layers: what packs and unpacks gzip, and unpacks zstd, xz and bzip2 streams. Tar itself is
// read and written in Swift.
#include <bzlib.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>
