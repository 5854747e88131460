FROM corpus-base
COPY a.txt /a.txt
COPY a.txt b.txt /several/
COPY a.txt /renamed
#: peers docker buildah
