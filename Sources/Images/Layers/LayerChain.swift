import ContentStore
import Model

/// Chain ids: names for a layer together with all layers below it.
public enum LayerChain {
  /// The chain id of each layer, lowest first (OCI image specification, config.md, *Layer ChainID*).
  public static func ids(_ diffIDs: [Digest]) -> [Digest] {
    var chain: [Digest] = []
    for diffID in diffIDs { chain.append(id(of: diffID, on: chain.last)) }
    return chain
  }

  /// The chain id of a layer on top of those that `below` names.
  public static func id(of diffID: Digest, on below: Digest?) -> Digest {
    guard let below else { return diffID }
    return ContentHasher.digest(of: Array("\(below) \(diffID)".utf8))
  }
}
