FROM corpus-base
COPY --chmod=0640 a.txt /a.txt
#: peers buildah
