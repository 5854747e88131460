FROM corpus-base
CMD echo $HOME
CMD ["echo", "list"]
#: peers docker buildah
