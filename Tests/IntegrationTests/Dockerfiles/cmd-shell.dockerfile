FROM corpus-base
CMD echo $HOME
#: peers docker buildah
