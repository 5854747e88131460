FROM corpus-base
CMD ["gone"]
ENTRYPOINT ["/bin/echo", "hi"]
CMD ["there"]
#: peers docker buildah
