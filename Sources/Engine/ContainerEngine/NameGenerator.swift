/// Names for containers that came without one: an adjective and a maritime noun.
enum NameGenerator {
  private static let adjectives = [
    "able", "ample", "bold", "brave", "bright", "brisk", "calm", "clear", "crisp", "deep", "eager", "early", "fair",
    "fast", "firm", "fresh", "gentle", "glad", "grand", "hardy", "honest", "keen", "kind", "lively", "lucid", "merry",
    "mild", "neat", "nimble", "noble", "open", "patient", "plain", "proud", "quick", "quiet", "ready", "round", "safe",
    "sharp", "silent", "sleek", "smart", "smooth", "solid", "sound", "spry", "steady", "still", "stout", "strong",
    "sure", "swift", "tidy", "tight", "trim", "true", "vivid", "warm", "wide", "wise", "young",
  ]
  private static let nouns = [
    "anchor", "ballast", "barge", "beacon", "bollard", "bosun", "bow", "breeze", "buoy", "cabin", "capstan", "cargo",
    "channel", "cleat", "coast", "compass", "crew", "current", "deck", "delta", "dock", "ferry", "fjord", "frigate",
    "galley", "harbour", "hatch", "haven", "helm", "hold", "hull", "island", "jetty", "keel", "lagoon", "lantern",
    "lighthouse", "lock", "mast", "mooring", "oar", "pier", "pilot", "port", "quay", "reef", "rigging", "rudder",
    "sail", "schooner", "sextant", "shoal", "sloop", "spar", "starboard", "stern", "tide", "tiller", "trawler", "tug",
    "vessel", "wharf", "winch", "yawl",
  ]

  /// A name; from the third try on with a number, so that a free one is found soon.
  static func name(attempt: Int) -> String {
    let adjective = adjectives.randomElement() ?? "calm"
    let noun = nouns.randomElement() ?? "harbour"
    return attempt < 3 ? "\(adjective)_\(noun)" : "\(adjective)_\(noun)\(Int.random(in: 0..<100_000))"
  }
}
