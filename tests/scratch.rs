use atropos::generate::*;
use atropos::{choice::Ordinary, event_loop::EventLoop, machine::Machine, scenario::Scenario, trace::What};
use proptest::strategy::*;
use proptest::test_runner::*;
#[test]
fn x() {
    let mut r = TestRunner::new(Config { rng_seed: RngSeed::Fixed(3), ..Config::default() });
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    let n = 2000;
    for k in 0..n {
        let s = scenarios().new_tree(&mut r).unwrap().current();
        let t = s.to_string();
        if k < 6 {
            println!("{t}\n==========");
        }
        let p = Scenario::parse(&t, &[]).unwrap().program(None, None).unwrap();
        let mut l = EventLoop::new(&p);
        l.run(&mut Ordinary);
        let tr = l.trace();
        let mut set = std::collections::BTreeSet::new();
        let mut ev = 0;
        for m in tr.iter() {
            ev += 1;
            let d = format!("{:?}", m.what);
            set.insert(d.split([' ', '(']).next().unwrap().to_string());
            if let What::Raised { error, .. } = m.what {
                set.insert(format!("raised {}", p.error_types.name(error.ty)));
            }
        }
        set.insert(format!("{:?}", tr.outcome).split(['(']).next().unwrap().to_string());
        set.insert(format!("lines>{}", t.lines().count() / 20 * 20));
        set.insert(format!("events>{}", ev / 50 * 50));
        for s in set {
            *counts.entry(s).or_default() += 1;
        }
    }
    for (k, v) in counts {
        println!("{k:40} {:5.1}%", v as f64 * 100.0 / n as f64);
    }
}
