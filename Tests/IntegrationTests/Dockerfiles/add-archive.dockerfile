FROM corpus-base
ADD packed.tar /un/
ADD packed.tar.gz /un2/
#: peers docker buildah
