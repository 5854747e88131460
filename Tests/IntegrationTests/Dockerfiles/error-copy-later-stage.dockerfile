FROM corpus-base AS first
COPY --from=later /x /x
FROM corpus-base AS later
FROM first
#: fails expected an earlier one
