FROM corpus-base
VOLUME /one /two
VOLUME ["/three", "/fo ur"]
#: peers docker buildah
