FROM corpus-base
RUN --mount=type=tmpfs,target=/t echo x > /t/x && cp /t/x /out
RUN ls /t 2>/dev/null | wc -l > /count
#: peers buildah
