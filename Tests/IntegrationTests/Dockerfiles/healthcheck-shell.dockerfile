FROM corpus-base
HEALTHCHECK --interval=1m30s --timeout=5s --start-period=2s --retries=4 CMD true || exit 1
#: peers docker buildah
