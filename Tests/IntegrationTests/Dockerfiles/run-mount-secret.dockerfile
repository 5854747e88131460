FROM corpus-base
RUN --mount=type=secret,id=key wc -c < /run/secrets/key > /size
RUN ls /run/secrets 2>/dev/null | wc -l > /left
#: secret key=hidden
#: peers buildah
