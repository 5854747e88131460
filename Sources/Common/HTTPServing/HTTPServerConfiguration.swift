/// The bounds of a server. Every value read from a client has one.
public struct HTTPServerConfiguration: Sendable {
  /// The request line, in bytes, line end included.
  public var maxRequestLineBytes = 16 * 1024
  /// The request line and all header lines together, in bytes.
  public var maxHeadBytes = 64 * 1024
  /// Header lines in a request.
  public var maxHeaders = 128
  /// Parameters in a query.
  public var maxQueryItems = 256
  /// A chunk's size line with its extensions, in bytes.
  public var maxChunkLineBytes = 256
  /// All trailer lines after the last chunk, in bytes.
  public var maxTrailerBytes = 8 * 1024
  /// Time from the wish for a request to its complete head on a fresh connection, and from a head's first byte
  /// on a kept one, in milliseconds.
  public var headTimeoutMilliseconds: Int64 = 30_000
  /// How long a kept connection may be without a request, in milliseconds.
  public var idleTimeoutMilliseconds: Int64 = 600_000
  /// Time for a whole collected body, in milliseconds.
  public var collectTimeoutMilliseconds: Int64 = 60_000
  /// Time between two pieces of a streamed body, in milliseconds.
  public var streamIdleTimeoutMilliseconds: Int64 = 600_000
  /// Connections open at once. A further one takes the place of the one that has waited longest without a complete
  /// request; where all are at work it is answered 503.
  public var maxConnections = 1_024
  /// Connections open at once from one IP address; a further one is answered 503.
  public var maxConnectionsPerAddress = 256
  /// Users who are answered 403 at unix sockets, though mode and group of the file let them in.
  public var refusedUsers: Set<UInt32> = []
  /// Bytes read ahead of what was asked for; beyond them the socket is not read.
  public var maxReadAheadBytes = 64 * 1024
  /// Bytes of a body nobody read that are thrown away to keep the connection; beyond them it is closed.
  public var maxDiscardedBodyBytes = 256 * 1024
  /// How long a connection that we close may go on sending before it is cut, in milliseconds.
  public var lingerMilliseconds: Int64 = 1_000
  /// Threads that do socket input and output.
  public var eventLoopThreads = 1
  /// Length of the accept queue.
  public var backlog: Int32 = 512

  public init() {}
}
