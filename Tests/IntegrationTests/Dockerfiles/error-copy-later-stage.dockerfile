FROM busybox
COPY --from=later /x /x
FROM busybox AS later
#: fails expected an earlier one
