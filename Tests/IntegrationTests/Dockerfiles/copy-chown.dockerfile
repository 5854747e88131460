FROM corpus-base
COPY --chown=12:34 a.txt /a.txt
COPY --chown=56 dir /dir
#: peers docker buildah
