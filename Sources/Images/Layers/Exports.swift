// Who works with layers works with archives: their entries, readers and writers come along.
@_exported import Tar
