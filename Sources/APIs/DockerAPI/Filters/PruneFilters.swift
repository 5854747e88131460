import ContainerEngine
import Model

extension PruneFilter {
  /// Reads the filters that the prune calls share: `until`, `label`, `label!`.
  init(_ filters: Filters, now: Int64, further: Set<String> = []) throws {
    try filters.requireKeys(further.union(["until", "label", "label!"]))
    self.init()
    guard filters["until"].count <= 1 else {
      throw PlatformError(.invalidArgument, "invalid filter: more than one until filter specified")
    }
    until = try filters["until"].first.map { text in
      guard let time = Timestamps.parse(text, now: now) else {
        throw PlatformError(
          .invalidArgument, "invalid filter 'until=\(text.prefix(64))': expected a time or a duration")
      }
      return time
    }
    labels = filters["label"]
    labelsNot = filters["label!"]
  }
}
