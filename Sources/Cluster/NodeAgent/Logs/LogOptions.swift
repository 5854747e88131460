import HTTPServing
import KubeMachinery

/// What somebody wants to see of a log. Source: Kubernetes `core/v1.PodLogOptions`.
public struct LogOptions: Sendable, Equatable {
  /// Which of the output is shown.
  public enum Stream: String, Sendable {
    case all = "All"
    case output = "Stdout"
    case errors = "Stderr"
  }

  /// Empty: the pod's only one.
  public var container = ""
  /// Goes on with what is written.
  public var follows = false
  /// The attempt before the last.
  public var isPrevious = false
  /// Each line begins with its time (RFC 3339).
  public var showsTimes = false
  /// Lines from then on; this or `sinceSeconds`, not both.
  public var since: Timestamp?
  /// Seconds before now, 1 at least.
  public var sinceSeconds: Int64?
  /// Only the last lines; 0: none of those that are there. Nil: all.
  public var tailLines: Int?
  /// Bytes of the answer, 1 at least; it ends there, within a line, too.
  public var limitBytes: Int64?
  public var stream = Stream.all

  /// Reads a request's query; what it does not know is passed over.
  /// - Throws: `StatusError` (400, 422).
  public init(_ query: QueryParameters) throws {
    container = query["container"] ?? ""
    follows = Self.flag(query, "follow")
    isPrevious = Self.flag(query, "previous")
    showsTimes = Self.flag(query, "timestamps")
    var errors: [FieldError] = []
    func number(_ name: String, atLeast least: Int64) throws -> Int64? {
      guard let text = query[name], !text.isEmpty else { return nil }
      guard let number = Int64(text) else {
        throw StatusError.badRequest("strconv.ParseInt: parsing \(GoText.quoted(text)): invalid syntax")
      }
      if number < least {
        errors.append(
          FieldError(
            .invalid, name, "Invalid value: \(number): must be greater than or equal to \(least)"))
      }
      return number
    }
    tailLines = try number("tailLines", atLeast: 0).map { Int(clamping: $0) }
    limitBytes = try number("limitBytes", atLeast: 1)
    sinceSeconds = try number("sinceSeconds", atLeast: 1)
    if let text = query["sinceTime"], !text.isEmpty {
      guard let moment = Timestamp(text) else {
        throw StatusError.badRequest("parsing time \(GoText.quoted(text)): it is no RFC 3339 time")
      }
      since = moment
    }
    if since != nil, sinceSeconds != nil {
      errors.append(
        FieldError(
          .forbidden, "sinceSeconds", "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"))
    }
    if let text = query["stream"], !text.isEmpty {
      guard let stream = Stream(rawValue: text) else {
        throw StatusError.badRequest("stream has to be All, Stdout or Stderr, not \(GoText.quoted(text))")
      }
      self.stream = stream
    }
    guard errors.isEmpty else {
      throw StatusError.invalid(KindName(group: "", version: "v1", kind: "PodLogOptions"), "", errors)
    }
  }

  private static func flag(_ query: QueryParameters, _ name: String) -> Bool {
    query[name].map { !["false", "0"].contains($0.lowercased()) } ?? false
  }

  /// From when on lines are shown; nil: from the beginning.
  func start(at now: Timestamp) -> Timestamp? {
    since ?? sinceSeconds.map { Timestamp(seconds: now.seconds - $0, nanoseconds: now.nanoseconds) }
  }
}

/// Turns a log's bytes into what is shown of them. A pure state: pieces come in, text goes out.
struct LogFilter {
  private let options: LogOptions
  private let start: Timestamp?
  private var rest: [UInt8] = []
  private var left: Int64
  /// Lines of the start are over: from here on no time is looked at.
  private var isPastStart: Bool
  /// The last piece of each stream had no end of its line, so that what comes next bears no time.
  private var isWithin: [Bool: Bool] = [:]

  init(_ options: LogOptions, at now: Timestamp) {
    self.options = options
    start = options.start(at: now)
    isPastStart = start == nil
    left = options.limitBytes ?? .max
  }

  /// Everything that may be shown has been.
  var isDone: Bool { left <= 0 }

  mutating func take(_ bytes: [UInt8]) -> [UInt8] {
    rest += bytes
    var output: [UInt8] = []
    var place = rest.startIndex
    while let end = rest[place...].firstIndex(of: 10), !isDone {
      show(rest[place..<end], &output)
      place = end + 1
    }
    rest.removeFirst(place)
    return output
  }

  /// A time as kubelets show it: UTC by its letter, where the monitor writes an offset of nothing.
  private static func time(_ stamp: ArraySlice<UInt8>) -> [UInt8] {
    let offset = Array("+00:00".utf8)
    return stamp.suffix(offset.count).elementsEqual(offset)
      ? stamp.dropLast(offset.count) + [UInt8(ascii: "Z")] : Array(stamp)
  }

  private mutating func show(_ line: ArraySlice<UInt8>, _ output: inout [UInt8]) {
    guard let line = LogLine(line) else { return }
    switch options.stream {
    case .all: break
    case .output: if line.isError { return }
    case .errors: if !line.isError { return }
    }
    if !isPastStart {
      guard let moment = Timestamp(String(decoding: line.stamp, as: UTF8.self)), let start, moment >= start else {
        return
      }
      isPastStart = true
    }
    var shown: [UInt8] = []
    if options.showsTimes, isWithin[line.isError] != true { shown += Self.time(line.stamp) + [32] }
    shown += line.text
    if line.isWhole { shown.append(10) }
    isWithin[line.isError] = !line.isWhole
    let part = shown.prefix(Int(clamping: left))
    left -= Int64(part.count)
    output += part
  }
}
