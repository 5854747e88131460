FROM corpus-base
RUN --mount=type=cache,target=/cache echo x > /cache/x
RUN --mount=type=cache,target=/cache cp /cache/x /out
#: peers buildah
