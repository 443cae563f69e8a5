//! An order in which everything can be played again: one thing after the other where the recording allows it, side by
//! side where messages crossed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::story::{Local, Own, Story, Thing};
use crate::protocol::Kind;
use crate::stanza::fold;

/// One thing of one end.
#[derive(Debug, Clone, PartialEq)]
pub struct Atom {
    pub end: usize,
    pub own: Own,
}

/// What is played together.
#[derive(Debug, Clone)]
pub enum Block {
    Plain(Vec<Atom>),
    /// Messages that crossed: what each end does before it has sent its last, and what comes in afterwards.
    Crossing {
        branches: Vec<Vec<Atom>>,
        after: Vec<Atom>,
    },
}

/// A message with all who hear it, or something of one end alone.
#[derive(Debug, Default)]
struct Node {
    atoms: Vec<Atom>,
    pos: usize,
}

#[derive(Debug, Default)]
struct Graph {
    nodes: Vec<Node>,
    /// For each end the nodes of its own order; `true`: what it got may as well have come a little earlier or later.
    chains: Vec<Vec<(usize, bool)>>,
    besides: Vec<(usize, usize)>,
}

/// Everything in an order that can be played.
pub fn arrange(story: &Story) -> Vec<Block> {
    let graph = graph(story);
    let all: Vec<usize> = (0..graph.nodes.len()).collect();
    let mut blocks = Vec::new();
    for group in groups(&graph, &all, false) {
        if group.len() > 1 && !is_flat(&graph, &group) {
            for part in groups(&graph, &group, true) {
                blocks.push(block(&graph, &part));
            }
        } else {
            blocks.push(block(&graph, &group));
        }
    }
    blocks
}

fn graph(story: &Story) -> Graph {
    let mut graph = Graph::default();
    let mut of_message: BTreeMap<usize, usize> = BTreeMap::new();
    for (end, locals) in story.locals.iter().enumerate() {
        let mut chain = Vec::with_capacity(locals.len());
        for own in locals {
            let message = match own.what {
                Local::Send(message) | Local::Hear(message, _) => Some(message),
                _ => None,
            };
            let node = match message {
                Some(message) => *of_message.entry(message).or_insert_with(|| {
                    graph.nodes.push(Node {
                        pos: story.messages.get(message).map_or(0, |message| message.pos),
                        ..Node::default()
                    });
                    graph.nodes.len() - 1
                }),
                None => {
                    graph.nodes.push(Node {
                        pos: own.pos,
                        ..Node::default()
                    });
                    graph.nodes.len() - 1
                }
            };
            if let Some(node) = graph.nodes.get_mut(node) {
                let atom = Atom {
                    end,
                    own: own.clone(),
                };
                // The sending stands first.
                match own.what {
                    Local::Send(_) => node.atoms.insert(0, atom),
                    _ => node.atoms.push(atom),
                }
            }
            let harmless = match own.what {
                Local::Hear(message, _) => is_harmless(story, message),
                _ => false,
            };
            chain.push((node, harmless));
        }
        graph.chains.push(chain);
    }
    // What went to nobody was sent while its receiver was away.
    for (index, message) in story.messages.iter().enumerate() {
        let (Some(node), true) = (of_message.get(&index).copied(), message.receipts.is_empty()) else {
            continue;
        };
        let Some(to) = message.to().map(fold) else {
            continue;
        };
        for (end, chain) in graph.chains.iter().enumerate() {
            if story.ends.get(end).is_none_or(|end| fold(&end.jid) != to) || end == message.from {
                continue;
            }
            for (other, _) in chain {
                let link = graph.nodes.get(*other).and_then(|node| node.atoms.first());
                let link = link.is_some_and(|atom| {
                    matches!(atom.own.what, Local::Comes | Local::Goes { .. } | Local::Closed)
                });
                let pos = graph.nodes.get(*other).map_or(0, |node| node.pos);
                if link && pos <= message.pos {
                    graph.besides.push((*other, node));
                } else if link {
                    graph.besides.push((node, *other));
                }
            }
        }
    }
    graph
}

/// What moves no call, and is a breach in no order: candidates, mute changes, chat.
fn is_harmless(story: &Story, message: usize) -> bool {
    story.messages.get(message).is_some_and(|message| {
        matches!(
            message.thing,
            Thing::Signal(Kind::IceCandidate | Kind::MuteChange) | Thing::Chat(_) | Thing::Other
        )
    })
}

/// The nodes in groups that depend on each other in a circle, in an order that respects all else; the earliest first.
fn groups(graph: &Graph, nodes: &[usize], relaxed: bool) -> Vec<Vec<usize>> {
    let place: BTreeMap<usize, usize> = nodes.iter().enumerate().map(|(at, node)| (*node, at)).collect();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut edge = |from: usize, to: usize| {
        if let (Some(from), Some(to)) = (place.get(&from), place.get(&to))
            && from != to
            && let Some(next) = next.get_mut(*from)
        {
            next.push(*to);
        }
    };
    for chain in &graph.chains {
        let within = chain
            .iter()
            .filter(|(node, harmless)| place.contains_key(node) && !(relaxed && *harmless));
        let within: Vec<usize> = within.map(|(node, _)| *node).collect();
        for pair in within.windows(2) {
            if let [from, to] = pair {
                edge(*from, *to);
            }
        }
    }
    for (from, to) in &graph.besides {
        edge(*from, *to);
    }
    let group_of = components(&next);
    let count = group_of.iter().max().map_or(0, |most| most + 1);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (at, group) in group_of.iter().enumerate() {
        if let (Some(members), Some(node)) = (members.get_mut(*group), nodes.get(at)) {
            members.push(*node);
        }
    }
    let pos = |group: usize| {
        let nodes = members.get(group).into_iter().flatten();
        nodes
            .filter_map(|node| graph.nodes.get(*node).map(|node| node.pos))
            .min()
            .unwrap_or(0)
    };
    let mut before = vec![0_usize; count];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, targets) in next.iter().enumerate() {
        for to in targets {
            if let (Some(from), Some(to)) = (group_of.get(from), group_of.get(*to))
                && from != to
            {
                after[*from].push(*to);
                before[*to] += 1;
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<(usize, usize)>> = (0..count)
        .filter(|group| before[*group] == 0)
        .map(|group| Reverse((pos(group), group)))
        .collect();
    let mut out = Vec::with_capacity(count);
    while let Some(Reverse((_, group))) = ready.pop() {
        out.push(std::mem::take(&mut members[group]));
        for to in &after[group] {
            before[*to] -= 1;
            if before[*to] == 0 {
                ready.push(Reverse((
                    members[*to]
                        .iter()
                        .filter_map(|node| graph.nodes.get(*node).map(|node| node.pos))
                        .min()
                        .unwrap_or(0),
                    *to,
                )));
            }
        }
    }
    out
}

/// The strongly connected components of a graph, as a number for each node (Kosaraju's algorithm, without recursion:
/// a recording may be long).
fn components(next: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(next.len());
    let mut seen = vec![false; next.len()];
    for start in 0..next.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut stack = vec![(start, 0)];
        while let Some((node, at)) = stack.pop() {
            match next[node].get(at) {
                Some(to) => {
                    stack.push((node, at + 1));
                    if !std::mem::replace(&mut seen[*to], true) {
                        stack.push((*to, 0));
                    }
                }
                None => order.push(node),
            }
        }
    }
    let mut back: Vec<Vec<usize>> = vec![Vec::new(); next.len()];
    for (from, targets) in next.iter().enumerate() {
        for to in targets {
            back[*to].push(from);
        }
    }
    let mut group_of = vec![usize::MAX; next.len()];
    let mut group = 0;
    for start in order.into_iter().rev() {
        if group_of[start] != usize::MAX {
            continue;
        }
        let mut stack = vec![start];
        group_of[start] = group;
        while let Some(node) = stack.pop() {
            for from in &back[node] {
                if group_of[*from] == usize::MAX {
                    group_of[*from] = group;
                    stack.push(*from);
                }
            }
        }
        group += 1;
    }
    group_of
}

/// Each end's things of these nodes, in its own order.
fn by_end(graph: &Graph, group: &[usize]) -> Vec<Vec<Atom>> {
    let member: std::collections::BTreeSet<usize> = group.iter().copied().collect();
    let mut out = Vec::new();
    for (end, chain) in graph.chains.iter().enumerate() {
        let mut atoms = Vec::new();
        let mut done: BTreeMap<usize, usize> = BTreeMap::new();
        for (node, _) in chain.iter().filter(|(node, _)| member.contains(node)) {
            // One end may meet one message more than once: it may write to itself.
            let met = done.entry(*node).or_default();
            let own = graph.nodes[*node].atoms.iter().filter(|atom| atom.end == end);
            atoms.extend(own.skip(*met).take(1).cloned());
            *met += 1;
        }
        if !atoms.is_empty() {
            out.push(atoms);
        }
    }
    out
}

fn last_send(atoms: &[Atom]) -> Option<usize> {
    atoms
        .iter()
        .rposition(|atom| matches!(atom.own.what, Local::Send(_)))
}

/// Whether everybody sends all of its own before it takes anything in.
fn is_flat(graph: &Graph, group: &[usize]) -> bool {
    by_end(graph, group).iter().all(|atoms| {
        let Some(last) = last_send(atoms) else { return true };
        atoms[..last]
            .iter()
            .all(|atom| matches!(atom.own.what, Local::Send(_)))
    })
}

fn block(graph: &Graph, group: &[usize]) -> Block {
    if let [node] = group {
        return Block::Plain(graph.nodes[*node].atoms.clone());
    }
    let (mut branches, mut after) = (Vec::new(), Vec::new());
    for mut atoms in by_end(graph, group) {
        let rest = atoms.split_off(last_send(&atoms).map_or(0, |last| last + 1));
        after.extend(rest);
        if !atoms.is_empty() {
            branches.push(atoms);
        }
    }
    after.sort_by_key(|atom| atom.own.pos);
    branches.sort_by_key(|atoms| atoms.first().map_or(0, |atom| atom.own.pos));
    Block::Crossing { branches, after }
}
